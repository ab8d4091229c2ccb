/** Names of certificates: two spellings of one are the same, and no value can pass for a separator. */
import { expect, test } from "bun:test";
import { canonicalName, nameOfLines } from "../../../src/lib/distinguished-name.ts";

test.each([
  ["CN=sensor-1,O=Acme", "CN=sensor-1,O=Acme"],
  ["cn=sensor-1, O=Acme", "CN=sensor-1,O=Acme"],
  [" CN=a , O=b ", "CN=a,O=b"],
  ["CN=b+CN=a,O=Acme", "CN=a+CN=b,O=Acme"],
  ["CN=a\\,CN\\=b\\ ,O=Acme\\, Inc + OU=x", "CN=a\\,CN\\=b\\ ,O=Acme\\, Inc+OU=x"],
  ["CN=x\\0AO=evil", "CN=x\\0AO=evil"],
  ["CN=grüße", "CN=grüße"],
  ["1.2.3=v", "1.2.3=v"],
  ["CN=", "CN="],
  ["CN=a\\\\ ,O=b", "CN=a\\\\,O=b"],
  ["", undefined],
  ["sensor-1", undefined],
  ["CN=a,", undefined],
  ["CN=a,,O=b", undefined],
  ["CN=a\\", undefined],
  ['CN="a"', undefined],
  [`CN=${"x".repeat(1024)}`, undefined],
] as const)("%s", (text, canonical) => {
  expect(canonicalName(text)).toBe(canonical as string);
  if (canonical !== undefined) expect(canonicalName(canonical)).toBe(canonical);
});

test.each([
  ["O=Acme\nCN=sensor-1", "CN=sensor-1,O=Acme"],
  ["CN=a + CN=b\nO=Acme", "O=Acme,CN=a+CN=b"],
  ["OU=x + O=Acme\\, Inc\nCN=a\\,CN=b\\ ", "CN=a\\,CN=b\\ ,O=Acme\\, Inc+OU=x"],
  ["O=Acme\nCN=x\\0AO=evil", "CN=x\\0AO=evil,O=Acme"],
  ["", undefined],
] as const)("the lines %j", (lines, name) => {
  expect(nameOfLines(lines)).toBe(name as string);
});
