/** Long-lived tokens over REST: users make them with their password, and a backend for participants without one. */
import { describe, expect, test } from "bun:test";
import { isLongToken } from "../../src/domain/people/secrets.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { asBackend, call, enroll } from "./client.ts";

const password = "correct: horse"; // with what ends the name in the header

interface Listed {
  readonly token_id: string;
  readonly name: string | null;
  readonly made_by: string;
}

const basic = (name: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`,
});

async function asUser(server: TestServer, request: string, name: string, body?: unknown, secret = password) {
  const { status, text, headers } = await call(server, request, { headers: basic(name, secret), body });
  return { status, headers, json: JSON.parse(text) };
}

async function mia(server: TestServer): Promise<number> {
  const { userId } = await server.domain.accounts.add({ nick: "Mia", username: "mia", password });
  await server.domain.loginNames.set(userId, "mia.k");
  return userId;
}

describe("with a password", () => {
  test("a user makes a token, which is shown once and opens every door, lists it and revokes it", async () => {
    await using server = await startTestServer();
    const id = await mia(server);
    const body = { name: "lamp", scopes: [{ allow: "publish", topic: "home/#" }], expires_in: 3600 };
    const { status, json: made } = await asUser(server, "POST /tokens", "mia", body);
    expect([status, isLongToken(made.token)]).toEqual([201, true]);
    const { token, ...shown } = made;
    expect(shown).toMatchObject({ name: "lamp", scopes: body.scopes, made_by: "rest", last_used: null });
    expect(Math.round((Date.parse(shown.expires) - Date.parse(shown.created)) / 1000)).toBe(3600);
    await using _client = await RawMqtt.connect(server.mqttPort, { username: "mia", password: Buffer.from(token) });
    // By every name that the user logs in by.
    for (const name of ["mia", `user.${id}`, String(id), "mia.k"]) {
      const { json } = await asUser(server, "GET /tokens", name);
      expect(json.tokens.map(({ token_id }: Listed) => token_id)).toEqual([shown.token_id]);
      expect(JSON.stringify(json)).not.toContain(token);
    }
    await using again = await server.restart();
    expect((await asUser(again, `DELETE /tokens/${shown.token_id}`, "mia")).status).toBe(200);
    expect((await asUser(again, `DELETE /tokens/${shown.token_id}`, "mia")).status).toBe(404);
    expect((await asUser(again, "GET /tokens", "mia")).json).toEqual({ tokens: [], next: null });
  });

  test("a user reaches no other user's", async () => {
    await using server = await startTestServer();
    await mia(server);
    await server.domain.accounts.add({ nick: "Ben", username: "ben", password });
    const { json: ofBen } = await asUser(server, "POST /tokens", "ben", {});
    expect((await asUser(server, `DELETE /tokens/${ofBen.token_id}`, "mia")).status).toBe(404);
    expect((await asUser(server, "GET /tokens?userID=ben", "mia")).status).toBe(403);
    expect((await asUser(server, "POST /tokens", "mia", { userID: "ben" })).status).toBe(403);
    expect((await asUser(server, "GET /tokens", "ben")).json.tokens).toHaveLength(1);
  });

  test("no token makes one, neither in its place nor as a password", async () => {
    await using server = await startTestServer();
    await mia(server);
    const { json: made } = await asUser(server, "POST /tokens", "mia", {});
    const [access = ""] = await enroll(server, "mia");
    for (const secret of [made.token, access]) {
      for (const request of ["POST /tokens", "GET /tokens", `DELETE /tokens/${made.token_id}`]) {
        const body = request.startsWith("POST") ? {} : undefined;
        expect([request, (await call(server, request, { as: secret, body })).status]).toEqual([request, 403]);
        expect((await asUser(server, request, "mia", body, secret)).status).toBe(401);
      }
    }
    // A right secret at the wrong place is not counted as a wrong one.
    for (let n = 0; n < 40; n += 1) expect((await call(server, "GET /tokens", { as: made.token })).status).toBe(403);
  });

  test("wrong passwords are slowed, and names that no one has alike", async () => {
    await using server = await startTestServer();
    await mia(server);
    await server.domain.devices.add({ name: "lamp", password });
    for (const name of ["mia", "nobody", "lamp"]) {
      const answers = [];
      for (let n = 0; n < 12; n += 1) {
        const { status, headers, json } = await asUser(server, "GET /tokens", name, undefined, `guess ${n}`);
        answers.push(status === 401 ? json.error : `${status} ${headers.has("retry-after")}`);
      }
      expect([name, answers]).toEqual([name, [...Array(10).fill("Bad token"), "429 true", "429 true"]]);
    }
    expect((await asUser(server, "GET /tokens", "lamp")).status).toBe(429); // devices have none here
  });
});

describe("as a backend", () => {
  test("for participants who have no password, and for no others", async () => {
    await using server = await startTestServer();
    const [access = ""] = await enroll(server, "anna");
    await mia(server);
    const made = await asBackend(server, "POST /tokens", { userID: "anna", name: "kiosk" });
    const { token, token_id: id, made_by: by } = JSON.parse(made.text);
    expect([made.status, by]).toEqual([201, "backend"]);
    expect(JSON.parse((await call(server, "GET /users/me", { as: token })).text).userID).toBe("anna");
    expect(JSON.parse((await asBackend(server, "GET /tokens?userID=anna")).text).tokens).toMatchObject([
      { token_id: id, name: "kiosk" },
    ]);
    for (const [request, body, status] of [
      ["POST /tokens", { userID: "mia" }, 403],
      ["GET /tokens?userID=mia", undefined, 403],
      ["POST /tokens", { userID: "nobody" }, 404],
      ["GET /tokens", undefined, 400],
      ["POST /tokens", {}, 400],
      ["POST /tokens", { userID: "anna", scope: "read" }, 400],
      [`DELETE /tokens/${id}?userID=mia`, undefined, 403],
      [`DELETE /tokens/${id}`, undefined, 400],
    ] as const) {
      expect([request, body, (await asBackend(server, request, body)).status]).toEqual([request, body, status]);
    }
    expect((await asBackend(server, `DELETE /tokens/${id}?userID=anna`)).status).toBe(200);
    expect((await call(server, "GET /users/me", { as: token })).status).toBe(401);
    expect((await call(server, "GET /users/me", { as: access })).status).toBe(200);
  });

  test("a hundred and no more", async () => {
    await using server = await startTestServer();
    await enroll(server, "anna", "ben");
    const make = (userID: string) => asBackend(server, "POST /tokens", { userID });
    const made = await Promise.all(Array.from({ length: 103 }, () => make("anna")));
    expect(made.filter(({ status }) => status === 201)).toHaveLength(100);
    expect(made.filter(({ status }) => status === 409)).toHaveLength(3);
    expect((await make("ben")).status).toBe(201);
  });
});
