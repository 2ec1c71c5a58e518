"""Tasks that start jobs and hand them over. They talk to the services with the standard library alone."""

import json
import time
import urllib.error
import urllib.request

from ork import BigQueryJob, Context, CustomHttp, PermanentError, TransientError, defer, job_id

LOCATION = "EU"


def call(method, url, body=None, accepted=()):
    """One request; `accepted` are refusals that are as good as a success."""
    if "googleapis.com" in url:
        raise PermanentError("this example talks to the stand-ins of `make emulators`; its README says what to change for a real project")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        if refusal.code in accepted:
            return None
        text = refusal.read().decode(errors="replace")[:300]
        raise (TransientError if refusal.code in (429, 500, 503) else PermanentError)(f"{method} {url}: {refusal.code} {text}") from None
    except (urllib.error.URLError, TimeoutError) as trouble:
        raise TransientError(f"{method} {url}: {trouble}") from None


def query(ctx, bigquery, project, sql, about=""):
    """Starts a query. An attempt always calls it the same: a start whose answer was lost finds the job there."""
    name = job_id(ctx, about)
    # The labels name the run: word of the query's end finds it at once.
    configuration = {"query": {"query": sql}, "labels": ctx.job_labels()}
    job = {"jobReference": {"projectId": project, "jobId": name, "location": LOCATION}, "configuration": configuration}
    call("POST", f"{bigquery}/bigquery/v2/projects/{project}/jobs", job, accepted=(409,))
    return BigQueryJob(project, name, location=LOCATION, poll_interval=1)


def aggregate(bigquery, project, seconds, ctx: Context):
    rows = [{"country": "BR", "orders": 9}, {"country": "PT", "orders": 12}, {"country": "SN", "orders": 5}]
    script = json.dumps({"seconds": seconds, "rows": rows})
    sql = f"-- ork: {script}\nSELECT country, COUNT(*) AS orders FROM shop.orders GROUP BY country"
    return query(ctx, bigquery, project, sql)


def process(bigquery, job):
    where = f"{bigquery}/bigquery/v2/projects/{job['project']}/queries/{job['job_id']}?location={job['location']}"
    answer = call("GET", where)
    rows = [[cell["v"] for cell in row["f"]] for row in answer["rows"]]
    return {"countries": [country for country, _ in rows], "orders": sum(int(orders) for _, orders in rows)}


def reports(bigquery, project, seconds, countries, ctx: Context):
    jobs = []
    for country in countries:
        script = json.dumps({"seconds": seconds})
        sql = f"-- ork: {script}\nCREATE OR REPLACE TABLE shop.report_{country} AS SELECT * FROM shop.orders WHERE country = '{country}'"
        jobs.append(query(ctx, bigquery, project, sql, country))
    return jobs


def render(service, project, seconds, ctx: Context):
    url = f"{service}/http/projects/{project}/jobs/{job_id(ctx, style='dataproc')}"
    call("PUT", url, {"seconds": seconds}, accepted=(409,))
    started = time.strftime("%H:%M:%S")
    job = CustomHttp(url, completion_field="status", completion_value="succeeded", failure_value=["failed", "cancelled"],
                     error_field="error.message", cancel_url=f"{url}/cancel", poll_interval=1)
    return defer(job, started=started)
