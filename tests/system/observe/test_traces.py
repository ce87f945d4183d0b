"""One request, one trace through four processes, and each span stands below its caller's."""

import subprocess
import sys
from collections import Counter

import httpx

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SERVER, CLIENT = 2, 3
ASKED = "/api/v1/recommendations"


def test_a_recommendation_is_one_trace_of_all_processes_that_it_needs(installation, seed):
    answer = installation.post(
        ASKED, {"seeds": [seed], "limit": 5}, traceparent=f"00-{TRACE}-{CALLER}-01"
    )
    assert answer.status_code == 200
    # Gateway 1; a call and its answer for profile and ranker 4; stages 1 + 6.
    spans = installation.collector.trace(TRACE, 12, caller=CALLER)
    needed = {"quintet-gateway", "quintet-profile", "quintet-ranker"}
    # Search is asked only for tracks that the gateway has not kept yet.
    assert {span.service for span in spans} - {"quintet-search"} == needed
    by_id = {span.id: span for span in spans}
    (first,) = (span for span in spans if span.parent == CALLER)
    assert (first.service, first.name) == ("quintet-gateway", f"POST {ASKED}")
    assert first.facts["http.response.status_code"] == 200
    assert first.facts["quintet.request_id"] == answer.json()["request_id"]
    for span in spans:
        if span is first:
            continue
        parent = by_id[span.parent]
        if span.kind == SERVER:
            assert (parent.service, parent.kind) == ("quintet-gateway", CLIENT)
            assert parent.name == span.name
        elif span.kind == CLIENT:
            assert parent is first
        else:
            assert parent.service == span.service
            assert parent.kind == SERVER
    kinds = Counter(span.kind for span in spans if span.service == "quintet-gateway")
    assert kinds.keys() == {SERVER, CLIENT}
    assert (kinds[SERVER], kinds[CLIENT] in (2, 3)) == (1, True)
    stages = {span.name for span in spans if span.service == "quintet-ranker"}
    assert {"prepare", "retrieve", "features", "score", "choose", "explain"} < stages
    assert not any(span.failed for span in spans)


def test_a_lookup_is_one_trace_of_gateway_and_search(installation, seed):
    trace = "d" * 32
    url = f"{installation.base}/api/v1/tracks/{seed}"
    headers = {"traceparent": f"00-{trace}-{CALLER}-01"}
    assert httpx.get(url, headers=headers, trust_env=False, timeout=60).status_code == 200
    # The request, the call and its answer, and the lookup as a stage.
    spans = installation.collector.trace(trace, 4)
    assert {span.service for span in spans} == {"quintet-gateway", "quintet-search"}


def test_log_lines_have_the_request_id_the_trace_and_the_versions(installation, seed):
    trace = "a" * 32
    answer = installation.post(
        ASKED, {"seeds": [seed], "limit": 5}, traceparent=f"00-{trace}-{CALLER}-01"
    )
    installation.collector.trace(trace, 12)
    asked = answer.json()["request_id"]
    lines = [line for line in installation.lines() if line.get("request_id") == asked]
    assert {line["service"] for line in lines} - {"search"} == {"gateway", "profile", "ranker"}
    for line in lines:
        assert line["trace_id"] == trace
        assert line["release"]
        assert line["catalogue"] == answer.json()["versions"]["catalogue"]
    (access,) = (line for line in lines if line["event"] == "http")
    assert (access["method"], access["route"], access["status"]) == ("POST", ASKED, 200)
    assert access["model"] == answer.json()["versions"]["model"]


def test_an_error_of_a_service_is_seen_in_its_span_and_is_not_told_in_words(installation):
    trace = "b" * 32
    answer = installation.post(
        ASKED, {"seeds": ["no-such-track"]}, traceparent=f"00-{trace}-{CALLER}-01"
    )
    assert answer.status_code == 404
    spans = installation.collector.trace(trace, 4)
    calls = [span for span in spans if "rpc.system" in span.facts]
    # Profile service and ranker are asked at once; the error of one ends the call of the other.
    codes = {span.facts["rpc.response.status_code"] for span in calls}
    assert codes - {"CANCELLED"} == {"NOT_FOUND"}
    assert not any("no-such-track" in str(span.facts) for span in spans)


def test_a_path_that_names_a_listener_is_no_part_of_a_trace(installation):
    trace = "c" * 32
    url = f"{installation.base}/api/v1/listeners/somebody@example.org/feedback"
    httpx.get(url, headers={"traceparent": f"00-{trace}-{CALLER}-01"}, trust_env=False, timeout=60)
    (span,) = installation.collector.trace(trace, 1)
    assert "somebody" not in span.name + str(span.facts)


def test_without_a_collector_the_sdk_is_not_even_imported():
    program = (
        "import sys, quintet_gateway.app, quintet_servicekit.tracing as t;"
        "t.start_tracing('gateway');"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"
