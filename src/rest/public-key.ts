/** `userKey` of POST /token (R19): an RSA public key, SPKI, written as PEM, hex or base64. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { badRequest, Refusal } from "./errors.ts";

/** A 16,384-bit key in hex takes some 4,200 characters. */
export const userKeyCharactersMax = 8192;

/** The key as SPKI in DER. Throws a refusal that tells what is wrong, never what was sent. */
export function parseUserKey(text: string, rsaBitsMin: number): Uint8Array {
  const key = readKey(text.trim());
  if (key.asymmetricKeyType !== "rsa") throw refuse("userKey must be an RSA key");
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < rsaBitsMin) throw refuse(`userKey must have at least ${rsaBitsMin} bits`);
  // With exponent 1 every message signs itself; an even exponent is not RSA.
  if (publicExponent < 3n || publicExponent % 2n === 0n) throw refuse("userKey has a bad public exponent");
  return new Uint8Array(key.export({ type: "spki", format: "der" }));
}

function readKey(text: string): KeyObject {
  if (text.length > userKeyCharactersMax) throw refuse("userKey is too long");
  if (/PRIVATE KEY/.test(text)) throw refuse("userKey is a private key; send the public one and replace this one");
  try {
    // createPublicKey would take certificates and private keys too, so PEM is judged by its label.
    if (/^-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(text)) return createPublicKey({ key: text, format: "pem" });
    return createPublicKey({ key: bytesOf(text), format: "der", type: "spki" });
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw refuse("userKey is not a public key (SPKI as PEM, hex or base64)");
  }
}

function bytesOf(text: string): Buffer {
  const compact = text.replace(/\s+/g, "");
  // DER of a key begins with 30 82, in base64 with MI, so no base64 text is mistaken for hex.
  if (compact.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(compact)) return Buffer.from(compact, "hex");
  if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(compact)) return Buffer.from(compact, "base64");
  throw refuse("userKey is not a public key (SPKI as PEM, hex or base64)");
}

const refuse = (detail: string) => new Refusal(badRequest, detail);
