import { DerWriter } from '../src/der-writer.ts';

/** A repeatable source of numbers (mulberry32): the same seed gives the same mutations. */
export function newRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One DER element as a tree; octets of a BIT STRING or OCTET STRING that hold DER are opened too. */
interface Node {
  tag: number;
  /** Octets before the children, such as the count of unused bits; all octets where there are no children. */
  octets: Uint8Array;
  children: Node[];
}

function parseNodes(bytes: Uint8Array): Node[] | undefined {
  const nodes: Node[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length > 0x80 && length < 0x84) {
      const count = length & 0x7f;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
      start += count;
    } else if (length >= 0x80) return undefined;
    if (start + length > bytes.length || start > bytes.length) return undefined;
    nodes.push(parseNode(tag, bytes.subarray(start, start + length)));
    at = start + length;
  }
  return nodes;
}

function parseNode(tag: number, content: Uint8Array): Node {
  const skip = tag === 0x03 ? 1 : 0;
  const opened = (tag & 0x20) !== 0 || tag === 0x03 || tag === 0x04 ? parseNodes(content.subarray(skip)) : undefined;
  return opened === undefined || opened.length === 0
    ? { tag, octets: content, children: [] }
    : { tag, octets: content.subarray(0, skip), children: opened };
}

function writeNode(writer: DerWriter, node: Node): void {
  const end = writer.mark();
  for (const child of node.children.toReversed()) writeNode(writer, child);
  writer.raw(node.octets);
  writer.close(node.tag, end);
}

function allNodes(node: Node): Node[] {
  return [node, ...node.children.flatMap(allNodes)];
}

const TAGS = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31, 0x80, 0x81, 0x82, 0x86, 0x87,
  0xa0, 0xa1, 0xa3, 0xa4,
];

function changeOctet(node: Node, random: (below: number) => number): void {
  const octets = Uint8Array.from(node.octets);
  if (octets.length > 0) octets[random(octets.length)] = random(256);
  node.octets = octets;
}

type Mutation = (node: Node, random: (below: number) => number) => void;

const TREE_MUTATIONS: readonly Mutation[] = [
  changeOctet,
  (node, random) => {
    node.tag = TAGS[random(TAGS.length)] ?? 0x30;
  },
  (node, random) => {
    node.children.splice(random(node.children.length + 1), 1);
  },
  (node, random) => {
    const copy = node.children[random(Math.max(1, node.children.length))];
    if (copy !== undefined) node.children.push(copy);
  },
  (node) => {
    node.children.reverse();
  },
  (node) => {
    node.octets = node.octets.subarray(0, Math.max(0, node.octets.length - 1));
  },
  (node, random) => {
    node.octets = Uint8Array.of(...node.octets.subarray(0, 5000), random(256));
  },
  (node) => {
    node.octets = new Uint8Array();
    node.children = [];
  },
  (node) => {
    node.octets = new Uint8Array(node.octets.length).fill(0xff);
  },
  (node, random) => {
    let inner: Node = { tag: 0x05, octets: new Uint8Array(), children: [] };
    for (let depth = random(60); depth > 0; depth--) inner = { tag: 0x30, octets: new Uint8Array(), children: [inner] };
    node.children.push(inner);
  },
];

/**
 * A changed copy of a DER structure: mostly changes of its tree with all lengths made right again, so that the change is
 * met deep inside the parser; now and then a change of raw octets, which breaks lengths.
 */
export function mutate(der: Uint8Array, random: (below: number) => number): Uint8Array {
  if (random(4) === 0) return mutateOctets(der, random);
  const [tree] = parseNodes(der) ?? [];
  if (tree === undefined) return mutateOctets(der, random);
  const nodes = allNodes(tree);
  for (let count = 1 + random(3); count > 0; count--) {
    const node = nodes[random(nodes.length)];
    if (node !== undefined) TREE_MUTATIONS[random(TREE_MUTATIONS.length)]?.(node, random);
  }
  const writer = new DerWriter(der.length * 2);
  writeNode(writer, tree);
  return writer.finish();
}

function mutateOctets(der: Uint8Array, random: (below: number) => number): Uint8Array {
  const cut = random(8) === 0 ? random(der.length) : der.length;
  const changed = Uint8Array.from(der.subarray(0, cut));
  for (let count = 1 + random(4); count > 0 && changed.length > 0; count--)
    changed[random(changed.length)] = random(256);
  return changed;
}
