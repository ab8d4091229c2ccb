/**
 * The key that signs replies of the signed form (R35). It is made when first asked for and kept in the store.
 * Making it and signing with it run beside the event loop.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign } from "node:crypto";
import type { MqttDeviceStore } from "../domain/store.ts";

const secretName = "reply_key";
const bits = 2048;

export interface ReplyKey {
  /** SPKI, upper-case hex. */
  publicKey(): Promise<string>;
  /** Lower-case hex. */
  sign(text: string): Promise<string>;
}

export function createReplyKey(store: Pick<MqttDeviceStore, "keepSecret" | "findSecret">): ReplyKey {
  let making: Promise<KeyObject> | undefined;

  function privateKey(): Promise<KeyObject> {
    making ??= open().catch((error: unknown) => {
      making = undefined; // The disk may have room again next time.
      throw error;
    });
    return making;
  }

  async function open(): Promise<KeyObject> {
    const kept = (await store.findSecret(secretName)) ?? (await store.keepSecret(secretName, await newKey()));
    return createPrivateKey({ key: Buffer.from(kept), format: "der", type: "pkcs8" });
  }

  return {
    async publicKey() {
      const der = createPublicKey(await privateKey()).export({ type: "spki", format: "der" });
      return Buffer.from(der).toString("hex").toUpperCase();
    },
    async sign(text) {
      const key = await privateKey();
      return new Promise((resolve, reject) => {
        sign("sha256", Buffer.from(text), key, (error, signature) => {
          if (error === null) resolve(signature.toString("hex"));
          else reject(error);
        });
      });
    },
  };
}

/** PKCS #8, DER. */
const newKey = (): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    generateKeyPair("rsa", { modulusLength: bits }, (error, _, key) => {
      if (error === null) resolve(new Uint8Array(key.export({ type: "pkcs8", format: "der" })));
      else reject(error);
    });
  });
