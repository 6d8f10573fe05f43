"""The elements of MJML 4, where each may stand, and the names of attributes. Source: https://documentation.mjml.io."""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
CONTENT = (
    "mj-text", "mj-button", "mj-table", "mj-raw", "mj-style", "mj-title", "mj-preview", "mj-navbar-link",
    "mj-social-element", "mj-accordion-title", "mj-accordion-text",
)
"""Elements with HTML or text inside, which is left alone."""
_IN_COLUMN = (
    "mj-text", "mj-button", "mj-image", "mj-table", "mj-divider", "mj-spacer", "mj-social", "mj-navbar", "mj-accordion",
    "mj-carousel", "mj-raw",
)
INSIDE: Mapping[str, tuple[str, ...]] = {
    "": ("mjml",),
    "mjml": ("mj-head", "mj-body"),
    "mj-head": (
        "mj-attributes", "mj-breakpoint", "mj-font", "mj-html-attributes", "mj-preview", "mj-raw", "mj-style",
        "mj-title",
    ),
    "mj-body": ("mj-section", "mj-wrapper", "mj-hero", "mj-raw"),
    "mj-wrapper": ("mj-section", "mj-hero", "mj-raw"),
    "mj-section": ("mj-column", "mj-group", "mj-raw"),
    "mj-group": ("mj-column", "mj-raw"),
    "mj-column": _IN_COLUMN,
    "mj-hero": _IN_COLUMN,
    "mj-social": ("mj-social-element",),
    "mj-navbar": ("mj-navbar-link",),
    "mj-accordion": ("mj-accordion-element",),
    "mj-accordion-element": ("mj-accordion-title", "mj-accordion-text"),
    "mj-carousel": ("mj-carousel-image",),
}
"""Elements by the element that they may stand in. What mj-attributes and mj-html-attributes hold is not listed."""
WITHOUT_RAW = (
    "mjml", "mj-head", "mj-attributes", "mj-html-attributes", "mj-carousel", "mj-accordion", "mj-accordion-element",
    "mj-navbar", "mj-social",
)
"""Elements in which Liquid cannot stand between others: the compiler takes no mj-raw there, or moves it away."""
_SIDES = tuple(
    f"{inner}{name}{side}"
    for inner in ("", "inner-") for name in ("padding", "border") for side in ("", "-top", "-right", "-bottom", "-left")
)
ATTRIBUTES = frozenset((
    *_SIDES,
    "align", "alt", "background-color", "background-height", "background-position", "background-position-x",
    "background-position-y", "background-repeat", "background-size", "background-url", "background-width", "base-url",
    "border-color", "border-radius", "border-style", "border-width", "cellpadding", "cellspacing", "color",
    "container-background-color", "css-class", "dir", "direction", "fluid-on-mobile", "font-family", "font-size",
    "font-style", "font-weight", "full-width", "gap", "hamburger", "height", "href", "ico-align", "ico-close",
    "ico-color", "ico-font-family", "ico-font-size", "ico-line-height", "ico-open", "ico-padding", "ico-padding-bottom",
    "ico-padding-left", "ico-padding-right", "ico-padding-top", "ico-text-decoration", "ico-text-transform",
    "icon-align", "icon-height", "icon-padding", "icon-position", "icon-size", "icon-unwrapped-alt",
    "icon-unwrapped-url", "icon-width", "icon-wrapped-alt", "icon-wrapped-url", "id", "inline",
    "inner-background-color", "inner-border-radius", "lang", "left-icon", "letter-spacing", "line-height", "max-height",
    "mj-class", "mode", "name", "owa", "path", "position", "rel", "right-icon", "role", "sizes", "src", "srcset",
    "table-layout", "target", "tb-border", "tb-border-radius", "tb-hover-border-color", "tb-selected-border-color",
    "tb-width", "text-align", "text-decoration", "text-padding", "text-transform", "thumbnails", "thumbnails-src",
    "title", "usemap", "version", "vertical-align", "width",
))
"""Names of attributes of any element."""
# fmt: on
