import grpc
import pytest
from google.rpc import error_details_pb2
from quintet_servicekit.errors import DOMAIN, AppError, InvalidInput, NotFound, Reason
from quintet_servicekit.logs import accepted_request_id
from quintet_servicekit.status import GRPC_CODES, grpc_code_of, status_of


def all_subclasses(kind: type[AppError]) -> set[type[AppError]]:
    direct = set(kind.__subclasses__())
    return direct.union(*(all_subclasses(child) for child in direct)) if direct else direct


def test_every_member_of_the_error_tree_has_a_grpc_code():
    ours = {kind for kind in all_subclasses(AppError) if kind.__module__.startswith("quintet_")}
    assert ours
    assert ours == set(GRPC_CODES)


def test_no_two_members_share_a_grpc_code():
    assert len(set(GRPC_CODES.values())) == len(GRPC_CODES)


def test_a_subclass_takes_the_code_of_the_class_above_it():
    class SeedMissing(NotFound):
        pass

    error = SeedMissing(Reason.SEED_UNKNOWN, "gone")
    assert grpc_code_of(error) is grpc.StatusCode.NOT_FOUND
    assert status_of(error).code == grpc.StatusCode.NOT_FOUND.value[0]


def test_an_unmapped_error_is_internal():
    assert grpc_code_of(AppError(Reason.INTERNAL, "x")) is grpc.StatusCode.INTERNAL


def test_status_carries_reason_domain_field_and_request_id():
    error = InvalidInput(
        Reason.LIMIT_RANGE, "limit must be 1 to 500", field="limit", metadata={"max": "500"}
    )
    status = status_of(error, "req-1")
    info = error_details_pb2.ErrorInfo()
    assert status.message == "limit must be 1 to 500"
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("LIMIT_RANGE", DOMAIN)
    assert dict(info.metadata) == {"field": "limit", "max": "500", "request_id": "req-1"}


@pytest.mark.parametrize("offered", ["abc-1", "a" * 128, "A.b:c_d"])
def test_a_safe_request_id_is_kept(offered):
    assert accepted_request_id(offered) == offered


@pytest.mark.parametrize("offered", [None, "", "a" * 129, "a\nb", "a b", 'x","level":"fake', "é"])
def test_an_unsafe_request_id_is_replaced(offered):
    assert accepted_request_id(offered) != offered
    assert accepted_request_id(offered).isalnum()
