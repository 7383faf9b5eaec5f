import { type Action, clip } from './decision.ts';
import type { ServicePolicy } from './document.ts';
import { pathTemplate } from './path-template.ts';

const plainScalar = /^[A-Za-z0-9/][A-Za-z0-9/._*~@+=-]*(?: [A-Za-z0-9/._*~@+=-]+)?$/;
/** The file to change and the lines to add to it. */
export function allowSuggestion(options: {
  readonly service: ServicePolicy;
  readonly caller: string;
  readonly action: Action;
}): string {
  const { service, caller, action } = options;
  const lines = [`add to ${service.file}:`, '  allow:', `    - from: ${caller}`];
  const to = operationText(service, action);
  return (to === undefined ? lines : [...lines, `      to: ${scalar(to)}`]).join('\n');
}

/** Undefined where the service has but one operation, or where the request cannot be one of this service. */
function operationText(service: ServicePolicy, action: Action): string | undefined {
  if (action.kind === 'connect' || service.protocol === 'tcp') return undefined;
  if (service.protocol === 'grpc') return clip(action.path.slice(1));
  const path = pathTemplate(action.path);
  return `${action.method} ${clip(path)}`;
}

/** A JSON string is a YAML double-quoted scalar. */
function scalar(text: string): string {
  return plainScalar.test(text) ? text : JSON.stringify(text);
}
