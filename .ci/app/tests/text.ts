import type { RenderedChildNode } from '@hubspot/ui-extensions/testing';

/** All text below a node, in its order, with a blank around elements. */
export function textOf(node: { childNodes: RenderedChildNode[] } | undefined): string {
  const parts = node?.childNodes.map((child) => ('childNodes' in child ? ` ${textOf(child)} ` : child.text));
  return (parts ?? []).join('').replace(/\s+/g, ' ').trim();
}
