"""The manifests are fine, and every rule about them can fail."""

from __future__ import annotations

import copy
import dataclasses
import functools
import importlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.trigger.shard_settings import ShardSettings
from tools.check_manifests import FOLDER, ROOT, build, check, kustomizations, main, schema_complaints, secret_keys
from tools.manifest_rules import complaints_about

Document = dict[str, Any]
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


build_once = functools.cache(build)


@pytest.fixture(scope="module")
def built() -> list[Document]:
    return build_once(FOLDER / "base")


@pytest.fixture
def documents(built: list[Document]) -> list[Document]:
    return copy.deepcopy(built)


def one(documents: list[Document], kind: str, name: str) -> Document:
    [found] = [d for d in documents if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    return found


def container(documents: list[Document], name: str = "ingest") -> Document:
    first: Document = one(documents, "Deployment", f"sendwhen-{name}")["spec"]["template"]["spec"]["containers"][0]
    return first


def ray_head(documents: list[Document]) -> Document:
    head: Document = one(documents, "RayCluster", "sendwhen-shards")["spec"]["headGroupSpec"]
    return head


def without(documents: list[Document], kind: str, name: str) -> None:
    documents.remove(one(documents, kind, name))


Break = Callable[[list[Document]], object]
BREAKS: list[tuple[Break, str]] = [
    (lambda d: container(d).pop("readinessProbe"), "has no readinessProbe"),
    (lambda d: container(d).pop("livenessProbe"), "has no livenessProbe"),
    (lambda d: ray_head(d)["template"]["spec"]["containers"][0].pop("livenessProbe"), "has no livenessProbe"),
    (lambda d: container(d)["resources"].pop("limits"), "has no limits.memory"),
    (lambda d: container(d)["resources"]["requests"].pop("cpu"), "has no requests.cpu"),
    (lambda d: container(d)["securityContext"].pop("readOnlyRootFilesystem"), "lacks readOnlyRootFilesystem"),
    (lambda d: container(d)["securityContext"].update(allowPrivilegeEscalation=True), "allowPrivilegeEscalation"),
    (lambda d: container(d)["securityContext"].pop("capabilities"), "lacks capabilities drop ALL"),
    (lambda d: container(d)["securityContext"].update(runAsNonRoot=False), "lacks runAsNonRoot"),
    (
        lambda d: one(d, "Deployment", "sendwhen-ingest")["spec"]["template"]["spec"]["securityContext"].pop(
            "seccompProfile"
        ),
        "lacks seccompProfile",
    ),
    (lambda d: container(d).update(image="sendwhen"), "not pinned"),
    (lambda d: container(d).update(image="registry:5000/sendwhen"), "not pinned"),
    (lambda d: container(d).update(image="sendwhen:latest"), "not pinned"),
    (lambda d: one(d, "ServiceAccount", "sendwhen-store").pop("automountServiceAccountToken"), "automount"),
    (
        lambda d: one(d, "Deployment", "sendwhen-ingest")["spec"]["template"]["spec"].update(
            automountServiceAccountToken=True
        ),
        "automount",
    ),
    (lambda d: without(d, "ServiceAccount", "sendwhen-ingest"), "names no account"),
    (lambda d: without(d, "PodDisruptionBudget", "sendwhen-sender"), "no PodDisruptionBudget selects it"),
    (lambda d: without(d, "NetworkPolicy", "deny-all"), "No NetworkPolicy denies all traffic"),
    (lambda d: without(d, "NetworkPolicy", "from-profile"), "no NetworkPolicy allows any egress"),
    (lambda d: without(d, "NetworkPolicy", "services-to-store"), "no NetworkPolicy allows any ingress"),
    (lambda d: without(d, "ConfigMap", "sendwhen-settings"), "there is no ConfigMap sendwhen-settings"),
    (lambda d: container(d)["env"][0]["valueFrom"]["secretKeyRef"].update(key="TYPO"), "secrets.example.env"),
    (lambda d: one(d, "Service", "sendwhen-ingest")["spec"]["ports"][0].update(targetPort="http"), "no pod behind it"),
    (
        lambda d: one(d, "ConfigMap", "sendwhen-store")["data"].update({"valkey.conf": "appendonly yes"}),
        "lacks `appendfsync always`",
    ),
    (lambda d: ray_head(d)["rayStartParams"].update({"num-cpus": "4"}), "num-cpus 0"),
    (lambda d: ray_head(d)["template"]["spec"]["containers"][0]["env"].pop(0), "lacks RAY_health_check_"),
    (lambda d: ray_head(d)["template"]["spec"]["containers"][0]["env"].pop(-1), "token authentication"),
    # The schemas.
    (lambda d: container(d).update(imagePullPolice="Always"), "imagePullPolice"),
    (lambda d: one(d, "Deployment", "sendwhen-ingest")["spec"].update(replicas="two"), "'two'"),
    (lambda d: ray_head(d).update(replicas=1), "replicas"),
    (lambda d: ray_head(d)["rayStartParams"].update({"num-cpus": 0}), "is not of type 'string'"),
    (lambda d: ray_head(d)["template"]["spec"].update(volumez=[]), "volumez"),
    (lambda d: d.append({"apiVersion": "x/v1", "kind": "Unheard", "metadata": {"name": "x"}}), "find schema"),
]


@needs_kubectl
@pytest.mark.parametrize("folder", kustomizations(), ids=lambda folder: folder.name)
def test_every_kustomization_is_fine(folder: Path) -> None:
    assert check(build_once(folder)) == []


@needs_kubectl
@pytest.mark.parametrize(("damage", "complaint"), BREAKS, ids=[text for _, text in BREAKS])
def test_what_breaks_a_rule_is_named(
    built: list[Document], documents: list[Document], damage: Break, complaint: str
) -> None:
    damage(documents)

    # The schemas take their time, so only what was damaged is held against them.
    wrong = [found for document in documents if document not in built for found in schema_complaints(document)]
    wrong = wrong or complaints_about(documents, secret_keys=secret_keys())
    assert any(complaint in found for found in wrong)


@pytest.mark.parametrize(("in_ci", "code"), [("", 0), ("true", 1)])
def test_without_kubectl_it_says_that_nothing_was_checked_and_fails_only_in_ci(
    in_ci: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CI", in_ci)

    assert main() == code
    assert "NOT checked" in capsys.readouterr().out


SETTINGS = {
    "INGEST": "services.ingest.settings",
    "TRIGGER": "services.trigger.settings",
    "PROFILE": "services.profile.settings",
    "SENDER": "services.sender.settings",
}


@needs_kubectl
@pytest.mark.parametrize("folder", kustomizations(), ids=lambda folder: folder.name)
@pytest.mark.parametrize("service", SETTINGS)
def test_every_variable_that_is_set_is_a_setting_and_every_required_setting_is_set(folder: Path, service: str) -> None:
    module = importlib.import_module(SETTINGS[service])
    kind = getattr(module, "Settings", None) or module.SenderSettings
    fields = {field.name.upper(): field for field in dataclasses.fields(kind)}
    documents = build_once(folder)
    prefix = f"SENDWHEN_{service}_"
    variables = set(one(documents, "ConfigMap", "sendwhen-settings")["data"])
    variables |= {variable["name"] for variable in container(documents, service.lower())["env"]}
    given = {name.removeprefix(prefix) for name in variables if name.startswith(prefix)}

    required = {n for n, f in fields.items() if dataclasses.MISSING is f.default is f.default_factory}
    known = set(fields)
    if service == "TRIGGER":
        known |= {field.name.upper() for field in dataclasses.fields(ShardSettings)}
    assert given <= known
    assert required <= given


def test_the_example_of_secrets_holds_no_secret() -> None:
    text = (FOLDER / "base" / "secrets.example.env").read_text(encoding="utf-8")

    assert len(secret_keys()) >= 7
    assert all(line.endswith("=") for line in text.splitlines() if line and not line.startswith("#"))


def test_everything_that_the_image_copies_exists_and_is_let_through() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    let_through = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()}

    sources = re.findall(r"^COPY (\S+) \S+$", dockerfile, re.MULTILINE)

    assert sources
    assert len(sources) == dockerfile.count("COPY ")
    for source in sources:
        assert (ROOT / source).exists(), f"deploy/Dockerfile copies {source}, which does not exist."
        assert source in let_through


def test_the_image_installs_hashed_requirements_and_does_not_run_as_root() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")

    [base] = re.findall(r"^FROM (\S+)$", dockerfile, re.MULTILINE)
    assert base.startswith("python:3.11")
    assert "--require-hashes" in dockerfile
    assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)[-1] == "10001:10001"
    assert ":latest" not in dockerfile


@needs_kubectl
def test_all_nodes_of_ray_run_the_version_that_is_locked(documents: list[Document]) -> None:
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")

    [locked] = re.findall(r"^ray==(\S+)", lock, re.MULTILINE)
    assert one(documents, "RayCluster", "sendwhen-shards")["spec"]["rayVersion"] == locked
