"""deploy/k8s: probes, scaling, disruptions, networks; rendered and validated where tools are."""

import re
import subprocess

import pytest
import yaml

from tests.deploy.programs import tool
from tests.root import ROOT

FOLDER = ROOT / "deploy" / "k8s"
RPC = {"search": 50051, "profile": 50052, "ranker": 50053, "memory": 50054}


FILES = sorted(FOLDER.glob("*.yaml"))


def text(path):
    return path.read_text(encoding="utf-8")


def objects(kind):
    found = {}
    for path in FILES:
        for each in yaml.safe_load_all(text(path)):
            if each.get("kind") == kind:
                found[each["metadata"]["name"]] = each
    return found


DEPLOYMENTS = objects("Deployment")


def container(name):
    (only,) = DEPLOYMENTS[name]["spec"]["template"]["spec"]["containers"]
    return only


def test_kubernetes_runs_every_service_and_asks_grpc_for_their_health():
    assert set(DEPLOYMENTS) == {*RPC, "gateway", "ui"}
    for name, port in RPC.items():
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container(name)[probe]["grpc"] == {"port": port}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_kubernetes_scales_and_guards_each_deployment(name):
    scaler = objects("HorizontalPodAutoscaler")[name]["spec"]
    assert scaler["scaleTargetRef"]["name"] == name
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    budget = objects("PodDisruptionBudget")[name]["spec"]
    assert budget["selector"] == DEPLOYMENTS[name]["spec"]["selector"]
    assert container(name)["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container(name)["resources"]["limits"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_kubernetes_rollout_adds_before_it_takes_away(name):
    spec = DEPLOYMENTS[name]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    # Endpoints forget a pod for five seconds before it drains for five.
    assert container(name)["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 15
    # The autoscaler alone says how many.
    assert "replicas" not in spec


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_kubernetes_pod_has_no_rights(name):
    security = container(name)["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    pod = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False


def test_kubernetes_grpc_services_are_headless_so_that_callers_spread_calls():
    services = objects("Service")
    assert {name for name, each in services.items() if each["spec"].get("clusterIP") == "None"} == {
        *RPC
    }
    settings = objects("ConfigMap")["settings"]["data"]
    for name, port in RPC.items():
        assert settings[f"QUINTET_GATEWAY_{name.upper()}_ADDRESS"] == f"{name}:{port}"


def test_kubernetes_lets_nothing_in_that_no_policy_names():
    policies = objects("NetworkPolicy")
    assert policies["deny-all"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    (callers,) = policies["services"]["spec"]["ingress"]
    allowed = [each["podSelector"]["matchLabels"] for each in callers["from"]]
    assert allowed == [{"app.kubernetes.io/name": "gateway"}]


def render(folder):
    rendered = subprocess.run(
        [tool("kubectl"), "kustomize", str(ROOT / "deploy" / folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return rendered.stdout


@pytest.mark.parametrize("folder", ["k8s", "k8s-large"])
def test_kubernetes_files_render_and_are_valid(tmp_path, folder):
    rendered = render(folder)
    assert "image: quintet/" not in rendered
    file = tmp_path / "all.yaml"
    file.write_text(rendered, encoding="utf-8")
    done = subprocess.run(
        [tool("kubernetes-validate"), "--strict", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_large_kubernetes_overlay_has_more_of_everything_in_several_zones():
    every = [each for each in yaml.safe_load_all(render("k8s-large")) if each]
    small = objects("HorizontalPodAutoscaler")
    for each in every:
        name, spec = each["metadata"]["name"], each.get("spec", {})
        if each["kind"] == "HorizontalPodAutoscaler":
            assert spec["minReplicas"] >= small[name]["spec"]["minReplicas"]
            assert spec["maxReplicas"] > small[name]["spec"]["maxReplicas"]
        if each["kind"] == "Deployment":
            spread = spec["template"]["spec"]["topologySpreadConstraints"]
            assert spread[-1]["topologyKey"] == "topology.kubernetes.io/zone"
        if each["kind"] == "PodDisruptionBudget":
            assert spec["maxUnavailable"] == "10%"
        if each["kind"] == "Ingress":
            hosts = {rule["host"] for rule in spec["rules"]}
            assert hosts == {host for tls in spec["tls"] for host in tls["hosts"]}


def test_kubernetes_files_hold_no_secret_and_name_each_one_that_is_told():
    assert objects("Secret") == {}
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    named = set(re.findall(r"secretRef: \{name: ([a-z-]+)", "".join(map(text, FILES))))
    assert named == {"database", "listener-key", "page", "spotify"}
    assert all(f"Secret `{name}`" in page for name in named)
