// The load: bodies in order from a random start, at a constant rate or from constant users.
import http from "k6/http";
import { SharedArray } from "k6/data";
import { Trend } from "k6/metrics";
import exec from "k6/execution";

const bodies = new SharedArray("bodies", () => JSON.parse(open(__ENV.BODIES)));
const latency = new Trend("latency", true);
const from = Number(__ENV.FROM || "0");
const seconds = `${__ENV.SECONDS}s`;
const open_loop = {
  executor: "constant-arrival-rate",
  rate: Number(__ENV.RATE),
  timeUnit: "100s",
  duration: seconds,
  preAllocatedVUs: Number(__ENV.USERS),
  maxVUs: Number(__ENV.USERS),
  gracefulStop: "4s",
};
const closed_loop = {
  executor: "constant-vus",
  vus: Number(__ENV.USERS),
  duration: seconds,
  gracefulStop: "4s",
};

export const options = {
  scenarios: { load: Number(__ENV.RATE) > 0 ? open_loop : closed_loop },
  discardResponseBodies: true,
  noCookiesReset: true,
  systemTags: ["status"],
};
const parameters = { headers: { "Content-Type": "application/json" }, timeout: "5s" };

export default function () {
  const place = (from + exec.scenario.iterationInTest) % bodies.length;
  const answer = http.post(__ENV.URL, bodies[place], parameters);
  const took = answer.timings;
  // From the moment the request was due: a new connection is part of it.
  latency.add(took.duration + took.blocked + took.connecting, { code: String(answer.status) });
}
