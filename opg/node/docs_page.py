"""A page about the API that needs nothing from elsewhere: no script, no style, no font of another host."""

from __future__ import annotations

import json
from html import escape
from typing import Any

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; } pre { background: #8881; padding: .7rem; overflow: auto; }
h3 { margin-bottom: 0; } b { display: inline-block; min-width: 3.5rem; }
"""


def page(openapi: dict[str, Any]) -> str:
    """HTML of an OpenAPI description."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault((operation.get("tags") or ["other"])[0], []).append(_operation(path, method, operation))
    parts = "".join(f"<h2>{escape(tag)}</h2>{''.join(entries)}" for tag, entries in by_tag.items())
    info = openapi["info"]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title><style>{STYLE}</style>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>"
        f'<p>For programs: <a href="openapi.json">openapi.json</a>.</p>{parts}</html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    body = f"<pre>{escape(json.dumps(schema, indent=2))}</pre>" if schema else ""
    what = escape(operation.get("description", ""))
    return f"<h3><b>{method.upper()}</b> <code>{escape(path)}</code></h3><p>{what}</p>{body}"
