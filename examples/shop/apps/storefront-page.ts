import type { Item } from './inventory-messages.ts';

/** The shop as one page without scripts; `problem` is shown as the upstream said it. */
export function shopPage(view: {
  readonly items: readonly Item[];
  readonly problem?: string;
}): string {
  const problem =
    view.problem === undefined
      ? ''
      : `<p>The shelf cannot be shown:</p><pre>${escapeHtml(view.problem)}</pre>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The shop</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
li { display: flex; gap: 1rem; padding: .5rem 0; border-bottom: 1px solid #ccc; }
li b { flex: 1; } pre { white-space: pre-wrap; } ul { padding: 0; }
</style>
</head>
<body>
<h1>The shop</h1>
${problem}
<ul>
${view.items.map(itemRow).join('\n')}
</ul>
<p><a href="/summary">What was sold</a> · <a href="/journal">The books</a> (which the mesh keeps shut)</p>
</body>
</html>
`;
}

function itemRow(item: Item): string {
  const price = (item.unitCents / 100).toFixed(2);
  return `<li><b>${escapeHtml(item.title)}</b> <span>€ ${price}</span> <span>${item.available} left</span>
<form method="post" action="/buy"><input type="hidden" name="sku" value="${escapeHtml(item.sku)}">
<button>Buy one</button></form></li>`;
}

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character] ?? character);
}
