"""Adds the generated reference and the documents of the root to the site while it is built."""

import logging
import re
from pathlib import Path
from typing import Any

import commands
import contracts
import routes
import variables
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
# Documents that stand in the root, where people and platforms look for them.
OF_THE_ROOT = {
    "contributing.md": "CONTRIBUTING.md",
    "code-of-conduct.md": "CODE_OF_CONDUCT.md",
    "changelog.md": "CHANGELOG.md",
    "security-policy.md": "SECURITY.md",
    "licence.md": "LICENSE",
}
# Printed by libraries that the generators import, not by the site; a strict build counts them.
for _name in ("quintet", "mlflow"):
    logging.getLogger(_name).setLevel(logging.ERROR)


def generated() -> dict[str, str]:
    """Return the text of each page that is not written by hand, by its path in the site."""
    pages = {
        "reference/grpc.md": contracts.page(ROOT / "protos"),
        "reference/http.md": routes.page(),
        "reference/openapi.json": routes.document_as_json(),
        "reference/command.md": commands.page(),
        "reference/settings.md": variables.page(),
    }
    for path, name in OF_THE_ROOT.items():
        if (ROOT / name).exists():
            pages[path] = _as_seen_from_the_site((ROOT / name).read_text(encoding="utf-8"), name)
    return pages


def _as_seen_from_the_site(text: str, name: str) -> str:
    """Rewrite links of a document of the root for the site."""
    if name == "LICENSE":
        return f"# Licence\n\nQuintet is licensed under Apache-2.0.\n\n```text\n{text}```\n"
    text = text.replace("](docs/", "](")
    for path, original in OF_THE_ROOT.items():
        text = re.sub(rf"\]\({original}(?=[)#])", f"]({path}", text)
    return text


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List pages that the navigation does not name after the explanations."""
    named = str(config.nav)
    own = sorted(path.name for path in Path(config.docs_dir).glob("*.md"))
    explanations = next(each["Explanation"] for each in config.nav or [] if "Explanation" in each)
    explanations += [name for name in own if f"'{name}'" not in named]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages; MkDocs calls this after it has listed the files of `docs`."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Rewrite links of a page to documents of the root; MkDocs calls this for each page."""
    # Pages link to the root as the repository has it, so that GitHub finds the document too.
    for path, original in OF_THE_ROOT.items():
        pattern = rf"\]\(((?:\.\./)*)\.\./{re.escape(original)}(?=[)#])"
        markdown = re.sub(pattern, rf"](\g<1>{path}", markdown)
    return markdown
