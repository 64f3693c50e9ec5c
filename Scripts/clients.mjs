// Talks to a running gateway with Node's http, https and fetch; called by Scripts/clients.
//
//   NODE_EXTRA_CA_CERTS=CERTIFICATE node clients.mjs BASE SECURE LARGEST DIGEST
import crypto from "node:crypto";
import http from "node:http";
import https from "node:https";

const [base, secure, largest, digest] = process.argv.slice(2);
const sum = (data) => crypto.createHash("sha256").update(data).digest("hex");
const expect = (holds, words) => {
  if (!holds) throw new Error(words);
};

// One request with the module http or https: the answer with its whole body.
const ask = (agent, method, url, fields = {}, body = undefined) =>
  new Promise((resolve, reject) => {
    const request = (url.startsWith("https") ? https : http).request(url, { method, agent, headers: fields });
    let continued = false;
    request.on("continue", () => {
      continued = true;
      request.end(body);
    });
    request.on("error", reject);
    request.on("response", (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces), continued,
                  reused: request.reusedSocket }));
    });
    if (fields.Expect) {
      request.flushHeaders();
    } else if (body !== undefined && fields["Transfer-Encoding"]) {
      for (let at = 0; at < body.length; at += 7919) request.write(body.subarray(at, at + 7919));
      request.end();
    } else {
      request.end(body);
    }
  });

for (const root of [base, secure]) {
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = root.startsWith("https") ? new https.Agent(options) : new http.Agent(options);
  let answer;
  for (let turn = 0; turn < 5; turn++) {
    answer = await ask(agent, "GET", `${root}/files/a?id=a&size=1000`);
    expect(answer.status === 200 && answer.body.length === 1000 && answer.headers["x-soak-id"] === "a", "GET");
  }
  expect(answer.reused, "the connection was not kept");
  const body = Buffer.alloc(300000, "0123456789");
  for (const fields of [{ "Content-Length": body.length }, { "Transfer-Encoding": "chunked" },
                        { "Content-Length": body.length, Expect: "100-continue" }]) {
    answer = await ask(agent, "PUT", `${root}/files/up?id=up`, fields, body);
    expect(JSON.parse(answer.body).sha256 === sum(body), `PUT ${JSON.stringify(fields)}: ${answer.body}`);
    expect(!fields.Expect || answer.continued, "no 100 was seen");
  }
  answer = await ask(agent, "GET", `${root}/files/large?id=large&size=${largest}&chunked=1`);
  expect(sum(answer.body) === digest, "a large answer");
  answer = await ask(agent, "HEAD", `${root}/files/a?id=a&size=1000`);
  expect(answer.status === 200 && answer.headers["content-length"] === "1000" && answer.body.length === 0, "HEAD");
  for (const [method, path, least, most] of [["GET", "/nowhere", 404, 404], ["DELETE", "/files/a", 405, 405],
                                             ["GET", "/dead", 502, 504]]) {
    answer = await ask(agent, method, root + path);
    expect(answer.status >= least && answer.status <= most, `${method} ${path}: ${answer.status}`);
    expect(answer.headers["content-type"] === "application/problem+json", "no problem document");
  }
  agent.destroy();

  if (globalThis.fetch) {
    const fetched = await fetch(`${root}/files/large?id=large&size=${largest}`);
    expect(fetched.headers.get("content-encoding") === "gzip", "fetch: not compressed");
    expect(sum(Buffer.from(await fetched.arrayBuffer())) === digest, "fetch: a large answer");
    const put = await fetch(`${root}/files/up?id=up`, { method: "PUT", body });
    expect((await put.json()).sha256 === sum(body), "fetch: PUT");
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < body.length; at += 7919) controller.enqueue(body.subarray(at, at + 7919));
        controller.close();
      },
    });
    const streamed = await fetch(`${root}/files/up?id=up`, { method: "PUT", body: stream, duplex: "half" });
    expect((await streamed.json()).sha256 === sum(body), "fetch: PUT in chunks");
    expect((await fetch(`${root}/nowhere`)).status === 404, "fetch: 404");
  }
}
console.log(`${process.version}, fetch: ${globalThis.fetch ? "undici " + process.versions.undici : "none"}`);
process.exit(0);
