/** Headers of the PROXY protocol, version 2. */

/** About a client with this address, towards 192.0.2.1 or its like, from port 4711 to 1883. */
export function proxyHeader2(
  address: string,
  {
    command = 1,
    family = address.includes(":") ? 0x21 : 0x11,
    tlvs = Buffer.alloc(0),
  }: { command?: number; family?: number; tlvs?: Buffer } = {},
): Buffer {
  const ports = Buffer.from([0x12, 0x67, 0x07, 0x5b]);
  const bytes = bytesOf(address);
  const addresses = bytes.length === 0 ? [] : [bytes, Buffer.alloc(bytes.length, 1), ports];
  const body = Buffer.concat([...addresses, tlvs]);
  const head = Buffer.from("\r\n\r\n\0\r\nQUIT\n....", "latin1");
  head[12] = 0x20 | command;
  head[13] = family;
  head.writeUInt16BE(body.length, 14);
  return Buffer.concat([head, body]);
}

function bytesOf(address: string): Buffer {
  if (address === "") return Buffer.alloc(0);
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [left = "", right] = groups.split("::");
  const words = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16));
  const [before, after] = [words(left), words(right ?? "")];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]));
}
