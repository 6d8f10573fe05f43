"""Rules of this house for Kubernetes manifests, as functions from documents to complaints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Complaints = Iterator[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod that a document makes: where it comes from, its labels and its specification."""

    origin: str
    labels: dict[str, str]
    spec: Document

    def containers(self) -> list[Document]:
        """Those that run for as long as the pod: sidecars included, init containers not."""
        sidecars = [c for c in self.spec.get("initContainers", []) if c.get("restartPolicy") == "Always"]
        return [*self.spec.get("containers", []), *sidecars]

    def all_containers(self) -> list[Document]:
        """Every container."""
        return [*self.spec.get("containers", []), *self.spec.get("initContainers", [])]


def pods_of(documents: Sequence[Document]) -> list[Pod]:
    """All pods that the documents make."""
    found = []
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        spec = document.get("spec", {})
        if document["kind"] == "RayCluster":
            templates = {f"{name} head": spec["headGroupSpec"]["template"]}
            templates |= {f"{name} {group['groupName']}": group["template"] for group in spec["workerGroupSpecs"]}
        elif "template" in spec:
            templates = {name: spec["template"]}
        else:
            continue
        for origin, template in templates.items():
            labels = template.get("metadata", {}).get("labels", {})
            found.append(Pod(origin=origin, labels=labels, spec=template["spec"]))
    return found


def _kind(documents: Sequence[Document], kind: str) -> list[Document]:
    return [document for document in documents if document["kind"] == kind]


def every_container_has_probes(documents: Sequence[Document]) -> Complaints:
    """Readiness decides who gets calls, liveness who is started anew."""
    for pod in pods_of(documents):
        for container in pod.containers():
            for probe in ("readinessProbe", "livenessProbe"):
                if probe not in container:
                    yield f"{pod.origin}: container {container['name']} has no {probe}."


def every_container_has_limits(documents: Sequence[Document]) -> Complaints:
    """Requests for both, a limit of memory; a limit of CPU would throttle in the middle of a commit."""
    for pod in pods_of(documents):
        for container in pod.all_containers():
            resources = container.get("resources", {})
            for where, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if what not in resources.get(where, {}):
                    yield f"{pod.origin}: container {container['name']} has no {where}.{what}."


def nothing_runs_as_root(documents: Sequence[Document]) -> Complaints:
    """Non-root, the runtime's seccomp profile, no escalation, no capabilities, nothing written to the image."""
    for pod in pods_of(documents):
        for container in pod.all_containers():
            own = container.get("securityContext", {})
            context = {**pod.spec.get("securityContext", {}), **own}
            wanted = {
                "runAsNonRoot: true": context.get("runAsNonRoot") is True,
                "seccompProfile RuntimeDefault": context.get("seccompProfile", {}).get("type") == "RuntimeDefault",
                "allowPrivilegeEscalation: false": own.get("allowPrivilegeEscalation") is False,
                "readOnlyRootFilesystem: true": own.get("readOnlyRootFilesystem") is True,
                "capabilities drop ALL": own.get("capabilities", {}).get("drop") == ["ALL"],
            }
            for what, there in wanted.items():
                if not there:
                    yield f"{pod.origin}: container {container['name']} lacks {what}."


def images_are_pinned(documents: Sequence[Document]) -> Complaints:
    """A tag that means one thing, or a digest."""
    for pod in pods_of(documents):
        for container in pod.all_containers():
            image = container.get("image", "")
            tag = image.rsplit("/", 1)[-1].partition(":")[2]
            if "@sha256:" not in image and (not tag or tag == "latest"):
                yield f"{pod.origin}: image {image!r} is not pinned by a tag other than latest."


def no_pod_carries_a_token(documents: Sequence[Document]) -> Complaints:
    """No process of sendwhen talks to Kubernetes; each has an account of its own, without a token."""
    accounts = {account["metadata"]["name"]: account for account in _kind(documents, "ServiceAccount")}
    for name, account in accounts.items():
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {name}: automountServiceAccountToken is not false."
    for pod in pods_of(documents):
        if pod.spec.get("serviceAccountName") not in accounts:
            yield f"{pod.origin}: serviceAccountName names no account of these manifests."
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.origin}: automountServiceAccountToken is not false."


def _selects(selector: Document, labels: dict[str, str]) -> bool:
    same = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return same and all(
        labels.get(term["key"]) in term.get("values", ())
        for term in selector.get("matchExpressions", ())
        if term["operator"] == "In"
    )


def every_pod_has_a_disruption_budget(documents: Sequence[Document]) -> Complaints:
    """Draining nodes must not take a whole service away at once."""
    budgets = _kind(documents, "PodDisruptionBudget")
    for pod in pods_of(documents):
        if not any(_selects(budget["spec"]["selector"], pod.labels) for budget in budgets):
            yield f"{pod.origin}: no PodDisruptionBudget selects it."


def traffic_is_denied_unless_allowed(documents: Sequence[Document]) -> Complaints:
    """One policy denies everything; every pod is named by others."""
    policies = _kind(documents, "NetworkPolicy")
    deny = [p for p in policies if p["spec"]["podSelector"] == {} and not {"ingress", "egress"} & p["spec"].keys()]
    if not any(sorted(policy["spec"].get("policyTypes", ())) == ["Egress", "Ingress"] for policy in deny):
        yield "No NetworkPolicy denies all traffic in both directions."
    for pod in pods_of(documents):
        allowing = [p for p in policies if p["spec"]["podSelector"] and _selects(p["spec"]["podSelector"], pod.labels)]
        for direction in ("ingress", "egress"):
            # The store asks nobody for anything.
            if direction == "egress" and pod.labels.get("app.kubernetes.io/name") == "sendwhen-store":
                continue
            if not any(direction in policy["spec"] for policy in allowing):
                yield f"{pod.origin}: no NetworkPolicy allows any {direction}; it could not work."


def what_is_referred_to_exists(documents: Sequence[Document], secret_keys: frozenset[str]) -> Complaints:
    """ConfigMaps, keys of secrets.example.env, and the pods and ports behind Services."""
    maps = {document["metadata"]["name"] for document in _kind(documents, "ConfigMap")}
    pods = pods_of(documents)
    for pod in pods:
        volumes = [volume["configMap"]["name"] for volume in pod.spec.get("volumes", ()) if "configMap" in volume]
        for container in pod.all_containers():
            volumes += [s["configMapRef"]["name"] for s in container.get("envFrom", ()) if "configMapRef" in s]
            for variable in container.get("env", ()):
                secret = variable.get("valueFrom", {}).get("secretKeyRef")
                if secret and (secret["name"] != "sendwhen-secrets" or secret["key"] not in secret_keys):
                    yield f"{pod.origin}: {variable['name']} refers to a secret that secrets.example.env does not list."
        for name in volumes:
            if name not in maps:
                yield f"{pod.origin}: there is no ConfigMap {name}."
    for service in _kind(documents, "Service"):
        behind = [pod for pod in pods if _selects({"matchLabels": service["spec"]["selector"]}, pod.labels)]
        ports = {p["name"] for pod in behind for c in pod.all_containers() for p in c.get("ports", ())}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"Service {service['metadata']['name']}: no pod behind it has the port {port['targetPort']}."


def the_store_keeps_what_it_acknowledges(documents: Sequence[Document]) -> Complaints:
    """The durability that the promises rest on."""
    text = "\n".join(
        value for document in _kind(documents, "ConfigMap") for key, value in document["data"].items() if "conf" in key
    )
    for line in ("appendonly yes", "appendfsync always", "maxmemory-policy noeviction"):
        if not re.search(rf"^{line}$", text, re.MULTILINE):
            yield f"The store's configuration lacks `{line}`."


def ray_is_set_up_safely(documents: Sequence[Document]) -> Complaints:
    """Token authentication on every node, quick health checks on the head, no shard beside it."""
    for cluster in _kind(documents, "RayCluster"):
        head = cluster["spec"]["headGroupSpec"]
        if head["rayStartParams"].get("num-cpus") != "0":
            yield "RayCluster: the head must have num-cpus 0."
        names = {v["name"] for c in head["template"]["spec"]["containers"] for v in c.get("env", ())}
        for setting in ("initial_delay_ms", "period_ms", "timeout_ms", "failure_threshold"):
            if f"RAY_health_check_{setting}" not in names:
                yield f"RayCluster: the head lacks RAY_health_check_{setting}."
    for pod in pods_of(documents):
        if pod.labels.get("sendwhen.dev/ray") != "true":
            continue
        for container in pod.containers():
            modes = {v["name"]: v.get("value") for v in container.get("env", ())}
            if modes.get("RAY_AUTH_MODE") != "token" or "RAY_AUTH_TOKEN" not in modes:
                yield f"{pod.origin}: container {container['name']} does not use Ray's token authentication."


RULES: tuple[Callable[[Sequence[Document]], Complaints], ...] = (
    every_container_has_probes,
    every_container_has_limits,
    nothing_runs_as_root,
    images_are_pinned,
    no_pod_carries_a_token,
    every_pod_has_a_disruption_budget,
    traffic_is_denied_unless_allowed,
    the_store_keeps_what_it_acknowledges,
    ray_is_set_up_safely,
)
"""Rules that need nothing but the documents; ``what_is_referred_to_exists`` also needs the keys of the secret."""


def complaints_about(documents: Sequence[Document], *, secret_keys: frozenset[str]) -> list[str]:
    """All that breaks a rule."""
    found = [complaint for rule in RULES for complaint in rule(documents)]
    return [*found, *what_is_referred_to_exists(documents, secret_keys)]
