"""The gRPC reference, from the .proto files and the comments in them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from grpc_tools import protoc

# Field numbers of descriptor.proto: they make the paths that comments are filed under.
_MESSAGES: Final = FileDescriptorProto.DESCRIPTOR.fields_by_name["message_type"].number
_ENUMS: Final = FileDescriptorProto.DESCRIPTOR.fields_by_name["enum_type"].number
_SERVICES: Final = FileDescriptorProto.DESCRIPTOR.fields_by_name["service"].number
_METHODS: Final = ServiceDescriptorProto.DESCRIPTOR.fields_by_name["method"].number
_FIELDS: Final = DescriptorProto.DESCRIPTOR.fields_by_name["field"].number
_NESTED: Final = DescriptorProto.DESCRIPTOR.fields_by_name["nested_type"].number
_INNER_ENUMS: Final = DescriptorProto.DESCRIPTOR.fields_by_name["enum_type"].number
_VALUES: Final = EnumDescriptorProto.DESCRIPTOR.fields_by_name["value"].number

_HEAD: Final = """# gRPC reference

This page lists every gRPC service, method and message. It is generated from the `.proto` files.
See [how to call them](../grpc.md) and [what each error means](../errors.md).
"""


def described(protos: Path) -> list[FileDescriptorProto]:
    """Read the contracts with their comments.

    Args:
        protos: The folder that holds `quintet/`.

    Raises:
        RuntimeError: A file does not compile.
    """
    sources = sorted(
        str(path.relative_to(protos)) for path in (protos / "quintet").rglob("*.proto")
    )
    includes = [f"-I{protos}", f"-I{Path(protoc.__file__).parent / '_proto'}"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        options = ["--include_source_info", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *includes, *options, *sources]) != 0:
            raise RuntimeError(f"protoc refused the contracts in {protos}")
        return list(FileDescriptorSet.FromString(out.read_bytes()).file)


def page(protos: Path) -> str:
    """Write the reference as Markdown: one section per package, services before messages."""
    return "\n".join(
        [_HEAD, *(line for file in described(protos) for line in _Package(file).lines())]
    )


class _Package:
    """One file's part of the page."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file
        self._comments = {
            tuple(place.path): (place.leading_comments or place.trailing_comments).strip()
            for place in file.source_code_info.location
        }

    def lines(self) -> Iterator[str]:
        yield f"## {self._file.package}\n"
        for place, service in enumerate(self._file.service):
            yield from self._service(service, (_SERVICES, place))
        for place, message in enumerate(self._file.message_type):
            yield from self._message(message, (_MESSAGES, place), self._file.package)
        for place, enum in enumerate(self._file.enum_type):
            yield from self._enum(enum, (_ENUMS, place), self._file.package)

    def _comment(self, path: tuple[int, ...]) -> str:
        """Join a comment to one line, so that it fits a table cell."""
        return " ".join(self._comments.get(path, "").split()).replace("|", "\\|")

    def _service(self, service: ServiceDescriptorProto, path: tuple[int, ...]) -> Iterator[str]:
        yield f"### {service.name}\n\n{self._comment(path)}\n"
        yield "| method | request | answer | |\n| --- | --- | --- | --- |"
        for place, method in enumerate(service.method):
            yield (
                f"| `{method.name}` | {_link(method.input_type)} | {_link(method.output_type)} "
                f"| {self._comment((*path, _METHODS, place))} |"
            )
        yield ""

    def _message(
        self, message: DescriptorProto, path: tuple[int, ...], scope: str
    ) -> Iterator[str]:
        if message.options.map_entry:
            return
        name = f"{scope}.{message.name}"
        yield f"### {message.name} {{#{_anchor(name)}}}\n\n{self._comment(path)}\n"
        if message.field:
            yield "| field | type | number | |\n| --- | --- | --- | --- |"
        for place, field in enumerate(message.field):
            comment = self._comment((*path, _FIELDS, place))
            if field.HasField("oneof_index") and not field.proto3_optional:
                choice = message.oneof_decl[field.oneof_index].name
                comment = f"One of `{choice}`. {comment}"
            yield f"| `{field.name}` | {_type(field, message)} | {field.number} | {comment} |"
        yield ""
        for place, nested in enumerate(message.nested_type):
            yield from self._message(nested, (*path, _NESTED, place), name)
        for place, enum in enumerate(message.enum_type):
            yield from self._enum(enum, (*path, _INNER_ENUMS, place), name)

    def _enum(self, enum: EnumDescriptorProto, path: tuple[int, ...], scope: str) -> Iterator[str]:
        anchor = _anchor(f"{scope}.{enum.name}")
        yield f"### {enum.name} {{#{anchor}}}\n\n{self._comment(path)}\n"
        yield "| value | number | |\n| --- | --- | --- |"
        for place, value in enumerate(enum.value):
            comment = self._comment((*path, _VALUES, place))
            yield f"| `{value.name}` | {value.number} | {comment} |"
        yield ""


def _anchor(name: str) -> str:
    return name.lstrip(".").lower().replace(".", "-")


def _link(name: str) -> str:
    short = name.rsplit(".", 1)[-1]
    return (
        f"[{short}](#{_anchor(name)})" if name.startswith(".quintet.") else f"`{name.lstrip('.')}`"
    )


def _type(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    """Write the type of a field as in a proto file: `repeated`, `optional`, `map`, or its name."""
    for nested in message.nested_type:
        if nested.options.map_entry and field.type_name.endswith(f".{message.name}.{nested.name}"):
            key, value = nested.field
            return f"map of {_type(key, nested)} to {_type(value, nested)}"
    name = _link(field.type_name) if field.type_name else f"`{_scalar(field)}`"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def _scalar(field: FieldDescriptorProto) -> str:
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
