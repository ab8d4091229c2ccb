/**
 * SCRAM-SHA-256, RFC 5802 and RFC 7677, as a method of MQTT 5's enhanced authentication: the client proves that it knows
 * the password without showing it, the server that it has the password's keys. No channel binding: the transport would
 * have to say what it is bound to. Names nobody has are asked for a proof like any other, with a salt that stays the
 * same, so that nobody learns who exists.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { saslprep } from "../../lib/saslprep.ts";
import type {
  Authentication,
  AuthenticationExchange,
  AuthenticationMethod,
  AuthenticationStep,
  Principal,
} from "../identity.ts";

export const scramSha256 = "SCRAM-SHA-256";

/** What is stored of a password, RFC 5802 § 3. */
export interface ScramKeys {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The client that wants in, as the exchange names it. */
export interface ScramClient {
  readonly username: string;
  readonly clientId: string;
  readonly address: string;
}

export interface ScramAccounts<P extends Principal> {
  /** Undefined: nobody has the name, or there are no keys; the exchange goes on to its end all the same. */
  find(username: string): Promise<ScramKeys | undefined>;
  /** The proof was right or wrong (always wrong where `find` found nothing); what becomes of the client. */
  conclude(client: ScramClient, right: boolean): Promise<Authentication<P>>;
}

export interface ScramParts<P extends Principal> {
  readonly accounts: ScramAccounts<P>;
  /** Makes salts for names nobody has; the same for ever. */
  secret(): Promise<Uint8Array>;
  /** The iterations those names seem to have: as the real ones do, so that none of the numbers gives a name away. */
  readonly iterations: readonly number[];
  newNonce?(): string;
}

const messageBytesMax = 4096;
const nonceCharactersMax = 256;
const hashBytes = 32;
const saltBytes = 16;

/** n: the client knows no channel binding; y: it thinks that we do not. An authorization identity is only one's own. */
const firstMessage = /^([ny],(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/su;
const finalMessage = /^(c=([A-Za-z0-9+/=]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?),p=([A-Za-z0-9+/]{43}=)$/su;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function createScramSha256<P extends Principal>(parts: ScramParts<P>): AuthenticationMethod<P> {
  return { begin: (client) => new Exchange(parts, client) };
}

interface Begun {
  readonly username: string;
  readonly gs2Header: string;
  readonly firstBare: string;
  readonly serverFirst: string;
  readonly nonce: string;
  readonly keys: ScramKeys;
}

const refused = { done: { refused: "not_authorized" } } as const;

class Exchange<P extends Principal> implements AuthenticationExchange<P> {
  readonly #parts: ScramParts<P>;
  readonly #client: { readonly clientId: string; readonly address: string };
  #state: "fresh" | "asked" | Begun | "over" = "fresh";

  constructor(parts: ScramParts<P>, client: { clientId: string; address: string }) {
    this.#parts = parts;
    this.#client = client;
  }

  async next(data: Uint8Array | undefined): Promise<AuthenticationStep<P>> {
    const state = this.#state;
    // Whatever fails on the way is the end.
    this.#state = "over";
    if (state === "over") return refused;
    // The method begins with the client, which may have been too shy to send its message with CONNECT.
    if (state === "fresh" && (data === undefined || data.length === 0)) {
      this.#state = "asked";
      return { challenge: new Uint8Array() };
    }
    const text = textOf(data);
    if (text === undefined) return refused;
    return typeof state === "string" ? this.#begin(text) : this.#finish(text, state);
  }

  async #begin(text: string): Promise<AuthenticationStep<P>> {
    const [, gs2Header = "", identity, firstBare = "", name = "", clientNonce = ""] = firstMessage.exec(text) ?? [];
    const username = decodeName(name);
    if (username === undefined || clientNonce.length > nonceCharactersMax) return refused;
    if (identity !== undefined && decodeName(identity) !== username) return refused;
    const keys = (await this.#parts.accounts.find(username)) ?? (await this.#keysOfNobody(username));
    const nonce = clientNonce + (this.#parts.newNonce?.() ?? randomBytes(24).toString("base64"));
    const serverFirst = `r=${nonce},s=${Buffer.from(keys.salt).toString("base64")},i=${keys.iterations}`;
    this.#state = { username, gs2Header, firstBare, serverFirst, nonce, keys };
    return { challenge: Buffer.from(serverFirst) };
  }

  async #finish(text: string, begun: Begun): Promise<AuthenticationStep<P>> {
    const [, withoutProof, binding, nonce, proof] = finalMessage.exec(text) ?? [];
    if (withoutProof === undefined || proof === undefined) return refused;
    if (nonce !== begun.nonce || binding !== Buffer.from(begun.gs2Header).toString("base64")) return refused;
    const message = `${begun.firstBare},${begun.serverFirst},${withoutProof}`;
    const { username, keys } = begun;
    // The password may have changed since, or its owner have gone; nobody's keys are never those found.
    const current = await this.#parts.accounts.find(username);
    const right =
      provesKey(keys, message, Buffer.from(proof, "base64")) &&
      current !== undefined &&
      Buffer.compare(current.storedKey, keys.storedKey) === 0;
    const done = await this.#parts.accounts.conclude({ ...this.#client, username }, right);
    if ("refused" in done) return { done };
    if (!right) return refused;
    const signature = hmac(keys.serverKey, message).toString("base64");
    return { done, data: Buffer.from(`v=${signature}`) };
  }

  async #keysOfNobody(username: string): Promise<ScramKeys> {
    const { secret, iterations } = this.#parts;
    const bytes = hmac(await secret(), username);
    const choice = (bytes[hashBytes - 1] ?? 0) % iterations.length;
    const key = new Uint8Array(hashBytes);
    return {
      salt: bytes.subarray(0, saltBytes),
      iterations: iterations[choice] ?? 4096,
      storedKey: key,
      serverKey: key,
    };
  }
}

/** ClientKey = proof XOR HMAC(StoredKey, AuthMessage), and its hash is StoredKey. */
function provesKey({ storedKey }: ScramKeys, message: string, proof: Uint8Array): boolean {
  const clientKey = hmac(storedKey, message);
  if (proof.length !== hashBytes || storedKey.length !== hashBytes) return false;
  for (const [at, byte] of proof.entries()) clientKey[at] = (clientKey[at] ?? 0) ^ byte;
  return timingSafeEqual(createHash("sha256").update(clientKey).digest(), storedKey);
}

const hmac = (key: Uint8Array, message: string): Buffer => createHmac("sha256", key).update(message).digest();

function textOf(data: Uint8Array | undefined): string | undefined {
  if (data === undefined || data.length > messageBytesMax) return undefined;
  try {
    return utf8.decode(data);
  } catch {
    return undefined; // Not UTF-8, so not a message of the method.
  }
}

/** `=2C` is a comma and `=3D` an equals sign; a lone `=` is an error, an empty name nobody's. */
function decodeName(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined;
  const prepared = saslprep(name.replaceAll("=2C", ",").replaceAll("=3D", "="));
  return prepared === "" ? undefined : prepared;
}
