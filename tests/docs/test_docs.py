"""The documents run: every python block is executed, and prints what the text block below it says.

The blocks of one document are one program: they run in order, in a process of their own, and warnings are errors. A
```text (or ```console) block that follows a python block, with nothing but blank lines between, holds that block's
output. After an intended change of the output, rewrite it and read the diff:

    python tests/docs/test_docs.py --update
"""

import contextlib
import io
import json
import linecache
import os
import pathlib
import re
import subprocess
import sys
import traceback
import warnings
from dataclasses import dataclass

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "autodiff/ARCHITECTURE.md"]

BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?P<between>\n\s*?^```(?:text|console)\n(?P<output>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Example:
    """A python block of a document, and the place of the output it is said to have, if any."""

    code: str
    line: int
    output: str | None
    span: tuple[int, int]


def examples(text: str) -> list[Example]:
    """Return the python blocks of a document, in order."""
    return [
        Example(found["code"], text.count("\n", 0, found.start("code")) + 1, found["output"], found.span("output"))
        for found in BLOCK.finditer(text)
    ]


def run(codes: list[str]) -> list[str]:
    """Execute the blocks in one namespace; return what each printed. Runs in the process made by `printed`."""
    outputs, namespace = [], {"__name__": "__main__"}
    for k, code in enumerate(codes):
        # Messages name the user's line: give it a short file name and lines counted from the top of the block.
        name = f"block_{k}.py"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            try:
                exec(compile(code, name, "exec"), namespace)
            except Exception:
                print(traceback.format_exc(), file=sys.stderr)
                raise SystemExit(f"block {k} failed") from None
        outputs.append(out.getvalue())
    return outputs


def printed(document: pathlib.Path) -> list[str]:
    """Return what the blocks of a document print, by running them in a fresh process, as a reader would."""
    codes = [e.code for e in examples(document.read_text(encoding="utf-8"))]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AUTODIFF_")}
    environment |= {"PYTHONPATH": path, "AUTODIFF_CACHE": "0"}  # no kernels of earlier runs
    done = subprocess.run(
        [sys.executable, __file__, "--run"],
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
    )
    assert done.returncode == 0, f"{document.name}: {done.stderr}"
    return json.loads(done.stdout)


def normal(text: str) -> str:
    """Return the text without trailing blanks."""
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def update(document: pathlib.Path) -> bool:
    """Rewrite the outputs in a document; return whether anything changed."""
    text = document.read_text(encoding="utf-8")
    new, end = [], 0
    for example, output in zip(examples(text), printed(document), strict=True):
        if example.output is not None:
            start, stop = example.span
            new += [text[end:start], normal(output), "\n"]
            end = stop
    rewritten = "".join([*new, text[end:]])
    document.write_text(rewritten, encoding="utf-8")
    return rewritten != text


@pytest.mark.parametrize("name", DOCUMENTS)
def test_blocks_print_what_the_document_says(name, request):
    document = ROOT / name
    if request.config.getoption("--update-golden", default=False):
        update(document)
    found = examples(document.read_text(encoding="utf-8"))
    assert found, f"{name} holds no python block"
    for example, output in zip(found, printed(document), strict=True):
        if example.output is not None:
            place = f"{name}:{example.line}: run `python tests/docs/test_docs.py --update` and read the diff"
            assert normal(output) == normal(example.output), place


@pytest.mark.parametrize("name", [*DOCUMENTS, "CHANGELOG.md"])
def test_links_lead_somewhere(name):
    document = ROOT / name
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), f"{name}: {target}"


def test_layer_table_is_the_one_that_is_enforced():
    import test_layers  # the module of tests/, which pytest puts on the path

    document = (ROOT / "autodiff" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]*)` \|", document.split("## Layers")[1].split("\n## ")[0], re.MULTILINE)
    assert test_layers.ranks("\n".join(rows).replace("\\", "")) == test_layers.ranks(test_layers.LAYERS)


def test_finder_pairs_blocks_with_their_outputs():
    text = "```python\na\n```\n\n```text\nA\n```\n\n```python\nb\n```\nwords\n```text\nno\n```\n```python\nc\n```\n"
    assert [(e.code, e.line, e.output) for e in examples(text)] == [
        ("a\n", 2, "A\n"),
        ("b\n", 10, None),
        ("c\n", 17, None),
    ]


def test_a_wrong_output_is_found_and_corrected(tmp_path):
    document = tmp_path / "doc.md"
    document.write_text(
        "```python\nx = 2\nprint(x)\n```\n```text\n3\n```\n```python\nprint(x + 1)\n```\n\n```text\n3\n```\n"
    )
    assert printed(document) == ["2\n", "3\n"]
    assert update(document)
    assert [e.output for e in examples(document.read_text())] == ["2\n", "3\n"]
    assert not update(document)


def test_a_block_that_raises_fails(tmp_path):
    document = tmp_path / "doc.md"
    document.write_text("```python\n1 / 0\n```\n")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        printed(document)


if __name__ == "__main__":
    if sys.argv[1:] == ["--run"]:
        warnings.simplefilter("error")
        json.dump(run(json.load(sys.stdin)), sys.stdout)
    elif sys.argv[1:] == ["--update"]:
        for name in DOCUMENTS:
            print(f"{name}: {'rewritten' if update(ROOT / name) else 'up to date'}")
    else:
        sys.exit(__doc__)
