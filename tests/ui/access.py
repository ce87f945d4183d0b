"""What axe-core finds on a page."""


def violations(tab, axe):
    tab.evaluate(axe)
    found = tab.evaluate("axe.run(document)")
    return [
        (item["id"], node["target"], node.get("failureSummary", ""))
        for item in found["violations"]
        if item["impact"] in {"serious", "critical"}
        for node in item["nodes"]
    ]
