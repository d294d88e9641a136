#!/usr/bin/env python3
"""Writes corsgate.json beside this file: the dashboard, as Grafana imports it.

    python3 deploy/grafana/dashboard.py            writes it
    python3 deploy/grafana/dashboard.py --check    exits 1 if it is not what this script would write

To change the dashboard, change this script. A panel that was tried out in Grafana shows its query and its settings
there under Inspect, Panel JSON.
"""

import json
import sys
from pathlib import Path

FILE = Path(__file__).with_name("corsgate.json")

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Labels that the variables choose.
INSTANCE = 'instance=~"$instance"'
ROUTE = f'route=~"$route", {INSTANCE}'
REQUESTS = f'{ROUTE}, kind="request"'
PREFLIGHTS = f'{ROUTE}, kind="preflight"'
# Preflights that CORS says no to, wherever they end, and the other requests.
REJECTED = f'{ROUTE}, reason!~"allowed|route_passthrough"'
DENIED = f'{ROUTE}, outcome=~"denied|blocked"'

# Columns of Grafana's grid.
WIDTH = 24
HEIGHT = 8


def query(expr, legend, **more):
    """Returns one query; `legend` names its series by their labels."""
    return {"expr": expr, "legendFormat": legend, "range": True, **more}


def now(expr, legend):
    """Returns a query for one number or one table, without a past."""
    return query(expr, legend, range=False, instant=True)


def rate(metric, labels=INSTANCE, by=()):
    """Returns the sum of the rates of a counter, by some labels."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (rate({metric}{{{labels}}}[$__rate_interval]))"


def quantile(of, metric, labels, by=()):
    """Returns a quantile of a histogram, by some labels."""
    return f"histogram_quantile({of}, {rate(metric + '_bucket', labels, ('le', *by))})"


def panel(kind, title, description, queries, unit, width, options, **defaults):
    """Returns a panel, without its place."""
    custom = defaults.pop("custom", None)
    overrides = defaults.pop("overrides", [])
    height = defaults.pop("height", HEIGHT)
    fields = {"unit": unit, **defaults}
    if custom is not None:
        fields["custom"] = custom
    targets = [
        {"refId": chr(ord("A") + number), "datasource": DATASOURCE, "editorMode": "code", **query}
        for number, query in enumerate(queries)
    ]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": fields, "overrides": overrides},
        "options": options,
        "targets": targets,
    }


def graph(title, description, queries, unit="reqps", width=12, stacked=False, **defaults):
    """Returns a panel with lines over time, or areas on top of each other."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if stacked else 10,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    options = {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    defaults = {"min": 0, **defaults}
    return panel("timeseries", title, description, queries, unit, width, options, custom=custom, **defaults)


def number(title, description, expr, unit, steps=None, legend="", **defaults):
    """Returns a panel with the number of now. `steps` are bounds, and the colour from each on."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
        "orientation": "auto",
        "justifyMode": "auto",
    }
    defaults = {**thresholds(steps or [(None, "text")]), **defaults}
    return panel("stat", title, description, [now(expr, legend)], unit, 4, options, height=4, **defaults)


def thresholds(steps):
    """Returns the settings for colours by value; the first step has no bound."""
    return {
        "color": {"mode": "thresholds"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": colour} for value, colour in steps],
        },
    }


def row(title, *panels):
    """Returns a row with its panels below it."""
    return [
        {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": WIDTH, "h": 1}},
        *panels,
    ]


def note(title, text):
    """Returns a panel with a text."""
    return {
        "type": "text",
        "title": title,
        "description": "",
        "gridPos": {"w": 12, "h": HEIGHT},
        "options": {"mode": "markdown", "content": text},
    }


def traffic():
    def error_ratio(by=()):
        errors = rate("corsgate_requests_total", f'{REQUESTS}, code="5xx"', by)
        return f"{errors} / ({rate('corsgate_requests_total', REQUESTS, by)} > 0)"

    rejected = f"{rate('corsgate_preflights_total', REJECTED)} + {rate('corsgate_cors_requests_total', DENIED)}"
    return row(
        "Traffic",
        number(
            "Gateways",
            "Gateways that Prometheus has scraped just now.",
            f"count(corsgate_build_info{{{INSTANCE}}})",
            "none",
        ),
        number(
            "Requests",
            "Requests per second, without preflights.",
            rate("corsgate_requests_total", REQUESTS),
            "reqps",
        ),
        number(
            "Preflights",
            "Preflights per second, whether the gateway or an upstream answers them.",
            rate("corsgate_requests_total", PREFLIGHTS),
            "reqps",
        ),
        number(
            "Server errors",
            "Share of the requests that were answered with 5xx, by the gateway or by an upstream. Preflights are left"
            " out.",
            error_ratio(),
            "percentunit",
            [(None, "green"), (0.01, "yellow"), (0.05, "red")],
            noValue="no requests",
        ),
        number(
            "Rejected by CORS",
            "Preflights and requests per second that CORS says no to: origins, methods and headers that the policy"
            " of the route does not allow, and preflights without a route.",
            rejected,
            "reqps",
        ),
        number(
            "Open connections",
            "Connections of clients that are open, idle ones too.",
            f"sum(corsgate_downstream_connections{{{INSTANCE}}})",
            "none",
        ),
        graph(
            "Requests by route",
            "Requests per second without preflights.",
            [query(rate("corsgate_requests_total", REQUESTS, ["route"]), "{{route}}")],
            stacked=True,
        ),
        graph(
            "Responses by status",
            "Requests per second without preflights, by the class of their status. none: the client left before there"
            " was one.",
            [query(rate("corsgate_requests_total", REQUESTS, ["code"]), "{{code}}")],
            stacked=True,
        ),
        graph(
            "Server errors by route",
            "Share of a route's requests that were answered with 5xx. Routes without requests are left out.",
            [query(error_ratio(["route"]), "{{route}}")],
            unit="percentunit",
        ),
        graph(
            "Refused requests by reason",
            "Requests per second that were refused whatever their policy says: malformed, too large, too slow, over a"
            " limit, without a client certificate, or of an origin that is blocked.",
            [query(rate("corsgate_requests_refused_total", ROUTE, ["reason"]), "{{reason}}")],
            stacked=True,
        ),
    )


def preflights():
    handled = rate("corsgate_preflights_total", f'{ROUTE}, outcome="handled"', ["route"])
    every = rate("corsgate_preflights_total", ROUTE, ["route"])
    return row(
        "Preflights",
        graph(
            "Preflights by outcome",
            "Preflights per second. handled: answered with permission. rejected: answered without it. passed_through:"
            " sent to the upstream.",
            [query(rate("corsgate_preflights_total", ROUTE, ["outcome"]), "{{outcome}}")],
            width=8,
            stacked=True,
        ),
        graph(
            "Preflights by reason",
            "Preflights per second, by the reason for their outcome. allowed is the one of those that are handled.",
            [query(rate("corsgate_preflights_total", ROUTE, ["reason"]), "{{reason}}")],
            width=8,
            stacked=True,
        ),
        graph(
            "Handled preflights by route",
            "Share of a route's preflights that were answered with permission. Routes without preflights are left out.",
            [query(f"{handled} / ({every} > 0)", "{{route}}")],
            unit="percentunit",
            width=8,
            max=1,
        ),
    )


def rejections():
    return row(
        "Rejections",
        graph(
            "Rejected preflights by route and reason",
            "Preflights per second that the policy of the route does not allow, or that have no route.",
            [query(rate("corsgate_preflights_total", REJECTED, ["route", "reason"]), "{{route}}: {{reason}}")],
            stacked=True,
        ),
        graph(
            "Requests with an Origin by outcome",
            "Requests per second that are not preflights. denied: the response has no permission, so that the page"
            " can't read it. blocked: the gateway answered 403 in place of the upstream.",
            [
                query(rate("corsgate_cors_requests_total", DENIED, ["route", "outcome"]), "{{route}}: {{outcome}}")
            ],
            stacked=True,
        ),
        graph(
            "Rejections beside the usual",
            "Preflights and requests per second that CORS says no to, of all gateways together, and three times the average of"
            " the day before. The alert CorsgateRejectionsUnusual compares the two.",
            [
                query('route:corsgate_cors_rejected:rate5m{route=~"$route"}', "{{route}}"),
                query(
                    '3 * route:corsgate_cors_rejected:avg1d_rate5m{route=~"$route"}',
                    "{{route}}: three times the usual",
                ),
            ],
        ),
        note(
            "Which origins?",
            "Origins, methods and headers that clients send are not in the metrics, because each would be a new"
            " series.\n\nThe page `/rejections` of a gateway's admin listener lists the most frequent ones, and"
            " `corsgate explain` says why a request is rejected:\n\n"
            "    curl -s http://127.0.0.1:9901/rejections\n",
        ),
    )


def latency():
    metric = "corsgate_request_duration_seconds"

    def times(title, labels, description):
        queries = [query(quantile(of, metric, labels), f"{of:.0%}") for of in (0.5, 0.9, 0.99)]
        return graph(title, description, queries, unit="s", width=8)

    return row(
        "Latency",
        times(
            "Duration of requests",
            REQUESTS,
            "Time from the header of a request to the end of its response: half of them took no longer than 50%, and"
            " so on. It is long for uploads, downloads and WebSockets. Preflights are left out.",
        ),
        times(
            "Duration of preflights",
            PREFLIGHTS,
            "The same for preflights. The gateway answers most of them itself.",
        ),
        graph(
            "Slowest requests by route",
            "Time that 99% of a route's requests took at most.",
            [query(quantile(0.99, metric, REQUESTS, ["route"]), "{{route}}")],
            unit="s",
            width=8,
        ),
    )


def upstreams():
    metric = "corsgate_upstream_request_duration_seconds"
    return row(
        "Upstreams, of all routes",
        graph(
            "Endpoints by state",
            "Addresses of each upstream: of the healthy ones the fewest that a gateway sees, of the others the most."
            " unhealthy: checks fail. ejected: requests failed. Without checks and outlier detection, all are healthy.",
            [
                query(
                    f'min by (upstream, state) (corsgate_upstream_endpoints{{{INSTANCE}, state="healthy"}})',
                    "{{upstream}}: {{state}}",
                ),
                query(
                    "max by (upstream, state)"
                    f' (corsgate_upstream_endpoints{{{INSTANCE}, state=~"unhealthy|ejected"}}) > 0',
                    "{{upstream}}: {{state}}",
                ),
            ],
            unit="none",
            width=8,
        ),
        graph(
            "Answers by status",
            "Tries per second, by the class of the status. none: there was no answer. A request that is tried again"
            " counts again.",
            [query(rate("corsgate_upstream_requests_total", INSTANCE, ["upstream", "code"]), "{{upstream}}: {{code}}")],
            width=8,
            stacked=True,
        ),
        graph(
            "Failures by reason",
            "Tries per second that failed: without a connection, without an answer, or with one that broke off."
            " unavailable: there was no endpoint to ask.",
            [
                query(
                    rate("corsgate_upstream_failures_total", INSTANCE, ["upstream", "reason"]),
                    "{{upstream}}: {{reason}}",
                )
            ],
            width=8,
            stacked=True,
        ),
        graph(
            "Time to the response's header",
            "Time from the choice of an endpoint to the header of its response: half of the answers took no longer than"
            " 50%, and so on.",
            [
                query(quantile(of, metric, INSTANCE, ["upstream"]), f"{{{{upstream}}}}: {of:.0%}")
                for of in (0.5, 0.99)
            ],
            unit="s",
        ),
        graph(
            "Further tries and ejections",
            "Tries per second beyond a request's first, and endpoints per second that were ejected because their"
            " requests failed.",
            [
                query(rate("corsgate_upstream_retries_total", INSTANCE, ["upstream"]), "{{upstream}}: further tries"),
                query(rate("corsgate_upstream_ejections_total", INSTANCE, ["upstream"]), "{{upstream}}: ejections"),
            ],
            unit="cps",
        ),
    )


def tls():
    return row(
        "TLS",
        graph(
            "Handshakes by result",
            "Handshakes per second that clients began. client_certificate_refused: the client's certificate is missing"
            " where all need one, has expired, or is of an unknown authority.",
            [query(rate("corsgate_tls_handshakes_total", INSTANCE, ["result"]), "{{result}}")],
            unit="cps",
            stacked=True,
        ),
        panel(
            "bargauge",
            "Certificates expire in",
            "Time that is left to each certificate, on the gateway where it ends first. Negative: it has expired, and"
            " is served all the same.",
            [
                now(
                    f"min by (certificate) (corsgate_tls_certificate_not_after_seconds{{{INSTANCE}}}) - time()",
                    "{{certificate}}",
                )
            ],
            "s",
            12,
            {
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                "orientation": "horizontal",
                "displayMode": "basic",
                "valueMode": "text",
                "showUnfilled": True,
            },
            min=0,
            max=90 * 86400,
            noValue="no certificates",
            **thresholds([(None, "red"), (2 * 86400, "yellow"), (14 * 86400, "green")]),
        ),
    )


def reloads():
    def column(name, title):
        return {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "displayName", "value": title}],
        }

    mappings = [
        {
            "type": "value",
            "options": {
                "0": {"text": "rejected", "color": "red", "index": 0},
                "1": {"text": "served", "color": "green", "index": 1},
            },
        }
    ]
    return row(
        "Reloads",
        graph(
            "Reloads by result",
            "Attempts to take a new configuration. rejected: it has an error, and the one before is still served.",
            [
                query(
                    f"sum by (result) (increase(corsgate_config_reloads_total{{{INSTANCE}}}[$__rate_interval]))",
                    "{{result}}",
                )
            ],
            unit="short",
            width=8,
        ),
        panel(
            "state-timeline",
            "Last configuration",
            "Whether the configuration that a gateway has read last is the one that it serves. If it is rejected, the"
            " page /config of its admin listener has the errors.",
            [query(f"corsgate_config_last_reload_successful{{{INSTANCE}}}", "{{instance}}")],
            "none",
            8,
            {
                "mergeValues": True,
                "showValue": "never",
                "alignValue": "left",
                "rowHeight": 0.8,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                "tooltip": {"mode": "single", "sort": "none"},
            },
            mappings=mappings,
            **thresholds([(None, "red"), (1, "green")]),
        ),
        panel(
            "table",
            "Configurations and versions",
            "Hash of the configuration that each gateway serves, and the version of the program. Replicas should have"
            " the same.",
            [
                now(
                    f"corsgate_config_info{{{INSTANCE}}} * on (job, instance) group_left (version)"
                    f" corsgate_build_info{{{INSTANCE}}}",
                    "{{instance}}",
                )
                | {"format": "table"}
            ],
            "none",
            8,
            {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": "Gateway", "desc": False}]},
            overrides=[column("instance", "Gateway"), column("hash", "Configuration"), column("version", "Version")],
        )
        | {
            "transformations": [
                {"id": "filterFieldsByName", "options": {"include": {"names": ["instance", "hash", "version"]}}},
                {"id": "organize", "options": {"indexByName": {"instance": 0, "hash": 1, "version": 2}}},
            ]
        },
    )


def process():
    return row(
        "Process",
        graph(
            "Processor",
            "Processor time per second: 1 is one core.",
            [query(f"rate(process_cpu_seconds_total{{{INSTANCE}}}[$__rate_interval])", "{{instance}}")],
            unit="none",
            width=8,
        ),
        graph(
            "Memory",
            "Memory that is in use, without what is swapped out.",
            [query(f"process_resident_memory_bytes{{{INSTANCE}}}", "{{instance}}")],
            unit="bytes",
            width=8,
        ),
        graph(
            "File descriptors",
            "Share of the file descriptors that the process may have. Each connection needs one; without a free one, none"
            " is accepted.",
            [query(f"process_open_fds{{{INSTANCE}}} / process_max_fds{{{INSTANCE}}}", "{{instance}}")],
            unit="percentunit",
            width=8,
            max=1,
        ),
        graph(
            "Connections",
            "Connections of clients that are open.",
            [query(f"corsgate_downstream_connections{{{INSTANCE}}}", "{{instance}}")],
            unit="none",
            width=6,
        ),
        graph(
            "Refused connections",
            "Connections per second beyond limits.max_connections, which get 503.",
            [
                query(
                    f"rate(corsgate_downstream_connections_refused_total{{{INSTANCE}}}[$__rate_interval])",
                    "{{instance}}",
                )
            ],
            unit="cps",
            width=6,
        ),
        graph(
            "Dropped log lines and spans",
            "Lines per second that are missing from the log or the access log, and spans that are missing from traces,"
            " because their file, stream or collector takes them too slowly or not at all.",
            [
                query(f"rate(corsgate_log_dropped_total{{{INSTANCE}}}[$__rate_interval])", "{{instance}}: log"),
                query(
                    f"rate(corsgate_access_log_dropped_total{{{INSTANCE}}}[$__rate_interval])",
                    "{{instance}}: access log",
                ),
                query(
                    f'sum by (instance) (rate(corsgate_trace_spans_total{{{INSTANCE}, result=~"failed|dropped"}}[$__rate_interval]))',
                    "{{instance}}: spans",
                ),
            ],
            unit="cps",
            width=6,
        ),
        graph(
            "Age",
            "Time since the process started. It falls to zero with each restart.",
            [query(f"time() - process_start_time_seconds{{{INSTANCE}}}", "{{instance}}")],
            unit="s",
            width=6,
        ),
    )


def variable(name, label, metric):
    """Returns a variable with the values of a label, of which several can be chosen."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": f"label_values({metric}, {name})",
        "query": {"query": f"label_values({metric}, {name})", "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def annotation(name, colour, result):
    """Returns marks on all graphs, at the times of reloads."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": colour,
        "expr": f'increase(corsgate_config_reloads_total{{{INSTANCE}, result="{result}"}}[2m]) > 0',
        "step": "60s",
        "titleFormat": name,
        "tagKeys": "instance",
    }


def placed(panels):
    """Returns the panels with their numbers and places: from the left, and into the next line where one is full."""
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        size = panel["gridPos"]
        if x + size["w"] > WIDTH:
            x, y, height = 0, y + height, 0
        yield {"id": number, **panel, "gridPos": {"x": x, "y": y, **size}}
        x, height = x + size["w"], max(height, size["h"])


def dashboard():
    rows = [traffic(), preflights(), rejections(), latency(), upstreams(), tls(), reloads(), process()]
    return {
        "uid": "corsgate",
        "title": "corsgate",
        "description": "The traffic of corsgate gateways, what CORS says to it, their upstreams, and the processes.",
        "tags": ["corsgate", "cors"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {
            "list": [
                annotation("configuration applied", "blue", "applied"),
                annotation("configuration rejected", "red", "rejected"),
            ]
        },
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                    "refresh": 1,
                    "multi": False,
                    "includeAll": False,
                },
                variable("route", "Route", "corsgate_requests_total"),
                variable("instance", "Gateway", "corsgate_build_info"),
            ]
        },
        "panels": list(placed([panel for row in rows for panel in row])),
    }


def main():
    text = json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if FILE.read_text() == text else f"{FILE.name} is not what {Path(__file__).name} writes: run it")
    FILE.write_text(text)


if __name__ == "__main__":
    main()
