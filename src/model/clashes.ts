import type { Code, Position } from '../base/finding.ts';
import type { ServiceDraft } from './service-file.ts';
import type { YamlNode } from './yaml-file.ts';

/** What two services cannot both have. */
export function findClashes(drafts: readonly ServiceDraft[]): void {
  const ports = new Owners('CH1022', (port) => `port ${port} is taken`);
  const identities = new Owners('CH1023', () => 'another service has the same identity');
  for (const draft of drafts) {
    ports.claim(draft, String(draft.port), draft.portNode);
    const own = JSON.stringify(draft.selectors);
    if (draft.selectors.length > 0) identities.claim(draft, own, draft.identityNode);
    for (const call of draft.calls) {
      if (call.localPort === undefined) continue;
      ports.claim(draft, String(call.localPort), call.localPortNode);
    }
    for (const run of draft.run.values()) {
      if (run.port === undefined || run.port === draft.port) continue;
      ports.claimAt(draft, String(run.port), run.at);
    }
  }
}

class Owners {
  readonly #code: Code;
  readonly #message: (value: string) => string;
  readonly #owners = new Map<string, { readonly at: Position; readonly draft: ServiceDraft }>();

  constructor(code: Code, message: (value: string) => string) {
    this.#code = code;
    this.#message = message;
  }

  claim(draft: ServiceDraft, value: string, node: YamlNode): void {
    this.claimAt(draft, value, draft.file.at(node));
  }

  claimAt(draft: ServiceDraft, value: string, at: Position): void {
    const owner = this.#owners.get(value);
    if (owner === undefined) {
      this.#owners.set(value, { at, draft });
      return;
    }
    draft.file.findings.push({
      code: this.#code,
      severity: 'error',
      message: this.#message(value),
      at,
      related: [{ at: owner.at, message: `of ${owner.draft.name}` }],
    });
  }
}
