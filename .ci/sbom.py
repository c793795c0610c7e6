"""The bill of materials of the program, as CycloneDX JSON: every crate that is linked into it, with version, licence,
checksum and what depends on what; from `cargo metadata` and Cargo.lock.

    python .ci/sbom.py OUT [FEATURES]     needs the package cyclonedx-python-lib[json-validation]
"""

import json
import subprocess
import sys
import tomllib

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

out, features = sys.argv[1], sys.argv[2:3]
host = next(line.removeprefix("host: ") for line in
            subprocess.check_output(["rustc", "-vV"], text=True).splitlines() if line.startswith("host: "))
metadata = json.loads(subprocess.check_output(
    ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host,
     *(["--features", features[0]] if features else [])]))
with open("Cargo.lock", "rb") as file:
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.load(file)["package"]}
packages = {p["id"]: p for p in metadata["packages"]}
nodes = {n["id"]: n for n in metadata["resolve"]["nodes"]}
root = next(i for i, p in packages.items() if p["name"] == "outthink")


def linked(node):
    """The dependencies that are linked; what builds and tests need is not part of the program."""
    return [d["pkg"] for d in node["deps"] if any(k["kind"] is None for k in d["dep_kinds"])
            and not any("proc-macro" in t["kind"] for t in packages[d["pkg"]]["targets"])]


found, queue = set(), [root]
while queue:
    node = queue.pop()
    if node not in found:
        found.add(node)
        queue.extend(linked(nodes[node]))

licenses = LicenseFactory()


def component(package):
    # Cargo's old form of "or" is a slash.
    text = (package["license"] or "").replace("/", " OR ")
    checksum = checksums.get((package["name"], package["version"]))
    return Component(
        type=ComponentType.APPLICATION if package["id"] == root else ComponentType.LIBRARY,
        name=package["name"], version=package["version"], bom_ref=f"{package['name']}@{package['version']}",
        description=package["description"],
        purl=PackageURL("cargo", name=package["name"], version=package["version"]),
        licenses=[licenses.make_from_string(text)] if text else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [])


bom = Bom()
components = {i: component(packages[i]) for i in sorted(found)}
bom.metadata.component = components[root]
bom.components.update(c for i, c in components.items() if i != root)
for i in sorted(found):
    bom.register_dependency(components[i], [components[d] for d in linked(nodes[i])])
text = JsonV1Dot6(bom).output_as_string(indent=2)
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
if problem:
    sys.exit(f"the bill is not valid: {problem}")
with open(out, "w") as file:
    file.write(text + "\n")
print(f"{len(components)} crates in {out}")
