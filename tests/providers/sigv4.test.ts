/** The library that signs and the verifier that the tests of AWS trust agree with AWS's own vectors, and so with each other. */
import { describe, expect, test } from "bun:test";
import { AwsV4Signer } from "aws4fetch";
import { verifySignature } from "./sigv4.ts";

/** AWS's Signature Version 4 test suite. */
const vectors = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  datetime: "20150830T123600Z",
  region: "us-east-1",
  service: "service",
  cases: [
    {
      name: "get-vanilla",
      signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    },
    {
      name: "get-vanilla-query-order-key-case",
      target: "/?Param2=value2&Param1=value1",
      signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    },
    {
      name: "get-vanilla-query-unreserved",
      target:
        "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
      signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    },
    {
      name: "get-vanilla-utf8-query",
      target: "/?%E1%88%B4=bar",
      signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    },
    {
      name: "get-unreserved",
      target: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
      signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    },
    {
      name: "get-header-value-trim",
      headers: { "My-Header1": " value1", "My-Header2": ' "a   b   c"' },
      signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    },
    {
      name: "get-vanilla-with-session-token",
      sessionToken: "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
      signature: "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
    },
    {
      name: "post-vanilla",
      method: "POST",
      signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    },
    {
      name: "post-header-key-sort",
      method: "POST",
      headers: { "My-Header1": "value1" },
      signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    },
    {
      name: "post-vanilla-query",
      method: "POST",
      target: "/?Param1=value1",
      signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    },
    {
      name: "post-x-www-form-urlencoded",
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: "Param1=value1",
      signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    },
    {
      name: "post-x-www-form-urlencoded-parameters",
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded; charset=utf8" },
      body: "Param1=value1",
      signature: "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    },
  ] as readonly {
    readonly name: string;
    readonly method?: string;
    readonly target?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
    readonly sessionToken?: string;
    readonly signature: string;
  }[],
};

describe("AWS's test suite", () => {
  const { accessKeyId, secretAccessKey, datetime, region, service } = vectors;
  for (const vector of vectors.cases) {
    const { name, method = "GET", target = "/", headers = {}, body = "", sessionToken, signature } = vector;
    test(`${name}: the signer gives its signature`, async () => {
      const signed = await new AwsV4Signer({
        ...{ method, headers, body, accessKeyId, secretAccessKey, datetime, region, service, allHeaders: true },
        ...(sessionToken === undefined ? {} : { sessionToken }),
        url: `https://example.amazonaws.com${target}`,
      }).sign();
      expect(signed.headers.get("authorization")).toEndWith(`Signature=${signature}`);
    });

    test(`${name}: the verifier takes its signature, and no other`, () => {
      const arrived = new Headers({ ...headers, Host: "example.amazonaws.com", "X-Amz-Date": datetime });
      if (sessionToken !== undefined) arrived.set("X-Amz-Security-Token", sessionToken);
      const names = [...arrived.keys()].toSorted().join(";");
      const verify = (shown: string, secret = secretAccessKey) => {
        const scope = `${accessKeyId}/20150830/${region}/${service}/aws4_request`;
        arrived.set(
          "Authorization",
          `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${names}, Signature=${shown}`,
        );
        return verifySignature({ method, target, headers: arrived, body }, secret).valid;
      };
      expect(verify(signature)).toBe(true);
      expect(verify(signature.replace(/^./, (first) => (first === "0" ? "1" : "0")))).toBe(false);
      expect(verify(signature, "another")).toBe(false);
    });
  }
});
