import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { Refusal } from "../../../src/rest/errors.ts";
import { parseUserKey } from "../../../src/rest/public-key.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const small = generateKeyPairSync("rsa", { modulusLength: 1024 });
const der = new Uint8Array(rsa.publicKey.export({ type: "spki", format: "der" }));
const pem = rsa.publicKey.export({ type: "spki", format: "pem" }).toString();
const spki = (key: typeof rsa.publicKey) => Buffer.from(key.export({ type: "spki", format: "der" })).toString("base64");

describe("userKey", () => {
  test.each([
    ["PEM", pem],
    ["PEM with other line ends", pem.replaceAll("\n", "\r\n")],
    ["PKCS #1 PEM", rsa.publicKey.export({ type: "pkcs1", format: "pem" }).toString()],
    ["upper-case hex", Buffer.from(der).toString("hex").toUpperCase()],
    ["lower-case hex", Buffer.from(der).toString("hex")],
    ["base64", Buffer.from(der).toString("base64")],
    ["base64url", Buffer.from(der).toString("base64url")],
    ["base64 in lines", Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n")],
  ])("is read as %s", (_, text) => {
    expect(parseUserKey(text, 2048)).toEqual(der);
  });

  test.each([
    ["nothing", " ", "not a public key"],
    ["words", "my key", "not a public key"],
    ["hex of something else", "3000", "not a public key"],
    ["a cut key", Buffer.from(der).toString("hex").slice(0, 300), "not a public key"],
    ["a broken PEM", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "not a public key"],
    ["a private key", rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "private key"],
    [
      "a private key without armour",
      Buffer.from(rsa.privateKey.export({ type: "pkcs8", format: "der" })).toString("hex"),
      "not a public key",
    ],
    ["a key too small", spki(small.publicKey), "at least 2048 bits"],
    ["an elliptic curve", spki(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey), "must be an RSA key"],
    ["a text without end", "A".repeat(10_000), "too long"],
  ])("refuses %s", (_, text, detail) => {
    expect(() => parseUserKey(text, 2048)).toThrow(Refusal);
    expect(() => parseUserKey(text, 2048)).toThrow(detail);
  });

  test("the smallest size is a setting", () => {
    expect(parseUserKey(spki(small.publicKey), 1024).byteLength).toBeGreaterThan(100);
  });
});
