"""What another harness has published, and its definitions of gateways, are read right and written as it has them.  Nothing is started."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import yaml

from bench.macro.errors import BenchError
from bench.outside import gateways
from bench.outside.definitions import expand, fill, load, parse
from bench.outside.measure import as_published
from bench.outside.mock import STREAMED, frames, records
from bench.outside.published import Dialect, Published, arms, constants, field_arms, function, numbers, read
from fastgw.config.load import load as load_configuration
from tests.support.outside import write_sources


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return write_sources(tmp_path)


@pytest.fixture
def published(checkout: Path) -> Published:
    return read(checkout)


def test_what_they_have_published_is_read(published: Published) -> None:
    assert (published.bounds_us, published.windows, published.memory_concurrency) == ((1000, 50_000), 3, 32)
    assert (published.memory_trend_pct, published.stall_multiplier, published.error_ratio) == (1.5, 10, 0.1)
    assert (published.frames, published.interval_ms, published.frame_bytes) == (4, 20, 16)
    effort = as_published(published)
    assert (effort.windows, effort.idle_s, effort.load_s, effort.recovery_s) == (3, 20.0, 300.0, 30.0)


def test_dialects_ask_as_they_say(published: Published) -> None:
    dialects = published.dialects
    assert list(dialects) == ["openai", "openai-responses", "anthropic", "gemini", "cohere", "bedrock"]
    assert dialects["openai"].request("m") == '{"model":"m"}' and dialects["openai"].target("m") == "/one"
    assert dialects["gemini"].target("m") == "/four/m:ask" and dialects["gemini"].request("m") == '{"ask":[{}]}'
    assert dialects["cohere"].request("m") == '{"c":1}'
    assert dialects["anthropic"].head("k") == (("x-key", "k"), ("version", "1"))
    assert dialects["bedrock"].head("k") == (("authorization", "Bearer k"),)
    assert dialects["anthropic"].answer == b'{"content":[{"text":"ok"}]}'


@pytest.mark.parametrize(
    ("file", "cut", "told"),
    [
        ("engine/src/frontier.rs", "P99_BOUNDS_US", "P99_BOUNDS_US"),
        ("engine/src/ingress.rs", 'Dialect::Gemini => format!("/four/{model}:ask"),', "path of gemini"),
        ("mock/src/main.rs", "const COHERE", "COHERE"),
        ("mock/src/main.rs", 'envn("MOCK_STREAM_CHUNKS"', "MOCK_STREAM_CHUNKS"),
    ],
)
def test_what_is_not_there_is_said(checkout: Path, file: str, cut: str, told: str) -> None:
    path = checkout / file
    path.write_text(path.read_text().replace(cut, ""))
    with pytest.raises(BenchError, match=f"{file}: {told} is not there"):
        read(checkout)


def test_a_directory_that_is_no_checkout_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no checkout of "):
        read(tmp_path)


def test_the_small_readers() -> None:
    assert numbers("[1_000, 50_000]") == (1000.0, 50_000.0) and numbers("Duration::from_secs(20)") == (20.0,)
    assert constants("const A: f64 = 1.5;\n// const B: u8 = 2;\n") == {"A": "1.5"}
    assert function("fn other() {}", "path") == "" and arms("") == {} and field_arms("") == {}


@pytest.mark.parametrize("dialect", STREAMED)
def test_streams_have_the_contents_that_were_asked_for(dialect: str) -> None:
    events = list(frames(dialect, 12, 16))
    contents = [event for event, is_content in events if is_content]
    assert len(contents) == len(set(contents)) == 12
    for event, _ in events:
        data = event.split(b"data: ")[1].strip()
        assert event.endswith(b"\n\n") and (data == b"[DONE]" or orjson.loads(data))
    with pytest.raises(ValueError, match="no streams of gemini"):
        list(frames("gemini", 1, 1))


def test_the_service_gets_answers_and_paced_frames(published: Published) -> None:
    data, found = records(published), []
    while data:
        line, _, rest = data.partition(b"\n")
        marker, kind, wait, size = line.decode().split(" ")
        found.append((marker, kind, int(wait), rest[: int(size)]))
        assert rest[int(size) : int(size) + 1] == b"\n"
        data = rest[int(size) + 1 :]
    assert [marker for marker, kind, *_ in found if kind == "answer"][-1] == "/models"  # a part of Gemini's paths
    paced = [wait for marker, kind, wait, _ in found if kind == "frame" and marker == "/chat/completions"]
    assert paced == [0, 0, 20_000, 20_000, 20_000, 0, 0]


def test_placeholders_are_filled() -> None:
    assert fill("a: {{b: {P}}} }", {"P": "1"}) == "a: {b: 1} }"
    with pytest.raises(BenchError, match=r"\{TYPO\} is no placeholder; there are P"):
        fill("{TYPO}", {"P": "1"})
    assert expand("0-2,5") == [0, 1, 2, 5]


def test_an_image_is_started_from_the_program_that_is_here(tmp_path: Path) -> None:
    document = {
        **{name: name for name in ("name", "path", "auth")},
        "model": "m",
        "port": 1,
        "config_files": [{"template": "t", "output": "o"}],
        "constants": {"URL": "http://127.0.0.1:{MOCK_PORT}"},
        "egress_models": {"anthropic": "{GW_MODEL}-a"},
        "launch": {
            "kind": "docker",
            "image": "i",
            "args": ["-c", "/etc/o", "-p", "{GW_PORT}"],
            "env": [["N", "{NCORE}"]],
            "mounts": [{"container_path": "/etc/o", "host_path": "o"}],
        },
    }
    (tmp_path / "definition.json").write_bytes(orjson.dumps(document))
    (tmp_path / "t").write_text("url: {URL} {GW_DIR}")
    definition = load(tmp_path)
    launch = definition.launch(81, 82, "0-1", "/bin/p")
    assert launch.argv == ("/bin/p", "-c", str(tmp_path / "o"), "-p", "81") and launch.env == {"N": "2"}
    assert (tmp_path / "o").read_text() == f"url: http://127.0.0.1:82 {tmp_path}"
    assert definition.model_for("anthropic") == "m-a" and definition.model_for("gemini") == "m"
    assert definition.leads("openai", "anthropic") and definition.leads("gemini", "gemini")
    assert not definition.leads("openai", "gemini")
    with pytest.raises(BenchError, match="no program is here"):
        definition.launch(81, 82)


def test_a_definition_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="No such file"):
        load(tmp_path)
    (tmp_path / "definition.json").write_text("{")
    with pytest.raises(BenchError, match=r"definition\.json: "):
        load(tmp_path)
    with pytest.raises(BenchError, match="no definition of a gateway: KeyError"):
        parse({}, tmp_path)


@pytest.mark.parametrize("name", [name for name in gateways.GATEWAYS if name != "litellm"])
def test_gateways_are_defined_as_the_other_harness_has_it(name: str, tmp_path: Path) -> None:
    """Its own check wants these keys, and a native gateway to be known by eight characters that are not its own name."""
    definition = gateways.GATEWAYS[name].define(tmp_path / name, tmp_path)
    document = orjson.loads((tmp_path / name / "definition.json").read_bytes())
    assert {"display", "lang", "class", "repo", "runtime", "egress", "config"} <= document.keys() and document[
        "name"
    ] == name
    assert len(document["runtime"]["proc_match"]) >= 8 and "otb" not in document["runtime"]["proc_match"]
    assert not [value for value in document.values() if "$" in str(value)]
    command = definition.launch(23001, 23002, "0", "/bin/true")
    text = " ".join(command.argv) + "".join(
        (tmp_path / name / output).read_text() for _, output in definition.config_files
    )
    assert "23001" in text and "23002" in text and "{GW" not in text


def test_fastgw_is_given_a_configuration_of_its_own(tmp_path: Path) -> None:
    definition = gateways.fastgw(tmp_path)
    definition.launch(23001, 23002)
    spec = load_configuration(tmp_path / "fastgw.gen.yaml", {})
    assert {one.name: one.dialect and one.dialect.name for one in spec.services} == {
        "openai": "openai",
        "anthropic": "anthropic",
        "any": None,
    }
    assert {one.name for one in spec.models} == {definition.model_for("openai"), definition.model_for("anthropic")}


def test_litellm_is_defined_by_them(tmp_path: Path) -> None:
    theirs = tmp_path / "gateways" / "litellm-python"
    with pytest.raises(BenchError, match="litellm-python is not there"):
        gateways.litellm(tmp_path / "here", tmp_path)
    theirs.mkdir(parents=True)
    document = {
        "name": "l",
        "port": 1,
        "path": "/",
        "model": "m",
        "auth": "a",
        "launch": {"kind": "docker", "args": []},
    }
    (theirs / "definition.json").write_bytes(orjson.dumps({**document, "egress_models": {"gemini": "theirs"}}))
    found = gateways.litellm(tmp_path / "here", tmp_path)
    assert found.model_for("openai-responses") == "m-responses" and found.model_for("gemini") == "theirs"
    assert dict(found.env)["LITELLM_MASTER_KEY"] == found.auth


def test_dialects_have_no_figures_of_their_own() -> None:
    """A dialect is what was read; a template with more than a model and a key in it would not be filled."""
    dialect = Dialect("d", "/{model}", "{{}}", (("a", "{auth}"),), b"")
    assert (dialect.target("m"), dialect.request("m"), dialect.head("k")) == ("/m", "{}", (("a", "k"),))


def test_yaml_of_fastgw_is_the_least_there_is() -> None:
    text = fill(gateways.FASTGW, {"NCORE": "1", "GW_PORT": "1", "MOCK_PORT": "2", "GW_MODEL": "m", "HTTP2": ""})
    assert yaml.safe_load(text).keys() == {
        "workers",
        "admin",
        "admin_socket",
        "listeners",
        "routes",
        "services",
        "models",
    }
