"""`python -m tools.check_manifests`: are the manifests in deploy/k8s well-formed, known to Kubernetes, as we want them?

Works without a cluster: ``kubectl kustomize`` builds the base and every overlay, ``kubernetes-validate`` checks each
document strictly, a schema of our own checks the RayCluster (no public package carries KubeRay's), Kubernetes' schema
the pods in it, and the rules of ``tools/manifest_rules.py`` the rest.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from tools.manifest_rules import Document, complaints_about

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "k8s"
KUBERNETES = "1.37"
_RAY_SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("raycluster.schema.json").read_text(encoding="utf-8"))


def kustomizations() -> list[Path]:
    """The base and the overlays."""
    return sorted(path.parent for path in FOLDER.rglob("kustomization.yaml"))


def build(folder: Path) -> list[Document]:
    """The documents that kubectl makes of a folder.

    Raises:
        subprocess.CalledProcessError: kubectl refuses it; stderr says why.
    """
    built = subprocess.run(["kubectl", "kustomize", str(folder)], check=True, capture_output=True, text=True)
    return [document for document in yaml.safe_load_all(built.stdout) if document]


def secret_keys() -> frozenset[str]:
    """Keys that secrets.example.env lists."""
    lines = (FOLDER / "base" / "secrets.example.env").read_text(encoding="utf-8").splitlines()
    return frozenset(line.partition("=")[0] for line in lines if line and not line.startswith("#"))


def schema_complaints(document: Document) -> list[str]:
    """What Kubernetes (or KubeRay) would not understand."""
    name = f"{document.get('kind')} {document.get('metadata', {}).get('name')}"
    if document.get("kind") == "RayCluster":
        found = [
            f"{name}: {'.'.join(map(str, error.path))}: {error.message}"
            for error in jsonschema.Draft202012Validator(_RAY_SCHEMA).iter_errors(document)
        ]
        return found or [complaint for pod in _ray_pods(document) for complaint in schema_complaints(pod)]
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{name}: {'.'.join(map(str, error.path))}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [f"{name}: {error.message}"]
    return []


def _ray_pods(document: Document) -> list[Document]:
    spec = document["spec"]
    templates = [spec["headGroupSpec"]["template"], *(group["template"] for group in spec["workerGroupSpecs"])]
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": document["metadata"]["name"], **template.get("metadata", {})},
            "spec": template["spec"],
        }
        for template in templates
    ]


def check(documents: Sequence[Document]) -> list[str]:
    """Everything that is wrong with the documents of one kustomization."""
    wrong = [complaint for document in documents for complaint in schema_complaints(document)]
    # The rules read what the schemas promise to be there.
    return wrong or complaints_about(documents, secret_keys=secret_keys())


def main() -> int:
    """Check all; 0 where nothing is wrong."""
    if shutil.which("kubectl") is None:
        in_ci = os.environ.get("CI") == "true"
        print("kubectl is not installed: the manifests were NOT checked. Debian has it as kubernetes-client.")
        return 1 if in_ci else 0
    wrong = 0
    for folder in kustomizations():
        where = folder.relative_to(ROOT)
        try:
            documents = build(folder)
        except subprocess.CalledProcessError as error:
            print(f"{where}: kubectl kustomize refuses it: {error.stderr.strip()}")
            wrong += 1
            continue
        complaints = check(documents)
        for complaint in complaints:
            print(f"{where}: {complaint}")
        wrong += len(complaints)
        if not complaints:
            print(f"{where}: {len(documents)} documents are fine.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
