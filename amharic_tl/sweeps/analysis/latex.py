"""Text for LaTeX: special characters escaped, Ethiopic in a font that has it."""

from __future__ import annotations

import re
import unicodedata

from amharic_tl.reports.text import visible

# A fragment compiles without this command too; defined, it picks the font (XeLaTeX or LuaLaTeX with fontspec).
PREAMBLE = """\
% In the preamble: \\usepackage{booktabs}. For Ethiopic, compile with XeLaTeX or LuaLaTeX and put there as well:
% \\usepackage{fontspec}  \\newfontfamily\\ethiopicfont{Noto Sans Ethiopic}
\\providecommand{\\ethiopicfont}{}
"""
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "×": r"$\times$",
    "−": r"$-$",
    "±": r"$\pm$",
}


def escaped(text: str) -> str:
    """``text`` as LaTeX prints it: nothing in it is a command, control characters are shown as codes."""
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text))
    parts = []
    for piece in re.split(r"([\u1200-\u139f\u2d80-\u2ddf\uab00-\uab2f\U0001e7e0-\U0001e7ff]+)", visible(text, 10_000)):
        if piece and _is_ethiopic(piece[0]):
            parts.append(f"{{\\ethiopicfont {piece}}}")
        else:
            parts.append("".join(_ESCAPES.get(character, character) for character in piece))
    return "".join(parts)


def _is_ethiopic(character: str) -> bool:
    return unicodedata.name(character, "").startswith("ETHIOPIC")
