import { parsePathPattern } from '../model/path-pattern.ts';
import { type Action, clip } from './decision.ts';
import type { ServicePolicy } from './document.ts';
import { pathTemplate } from './path-template.ts';

const plainScalar = /^[A-Za-z0-9/][A-Za-z0-9/._*~@+=-]*(?: [A-Za-z0-9/._*~@+=-]+)?$/;
/** What `to` of a rule may name: src/model/operation.ts. */
const httpMethod = /^[A-Z]{1,32}$/;
const grpcPath = /^\/[A-Za-z_][\w.]*\/[A-Za-z_]\w*$/;

/** The file to change and the lines to add to it; undefined where no rule can say this request and no more. */
export function allowSuggestion(options: {
  readonly service: ServicePolicy;
  readonly caller: string;
  readonly action: Action;
}): string | undefined {
  const { service, caller, action } = options;
  const lines = `add to ${service.file}:\n  allow:\n    - from: ${caller}`;
  // Without `to` it would be a rule for all of the service; a connection has nothing else.
  if (action.kind === 'connect' || service.protocol === 'tcp') return lines;
  const to = operationText(service, action);
  return to && `${lines}\n      to: ${scalar(to)}`;
}

function operationText(
  service: ServicePolicy,
  action: Extract<Action, { kind: 'http' }>,
): string | undefined {
  if (service.protocol === 'grpc') {
    const isOne = action.method === 'POST' && grpcPath.test(action.path);
    return isOne ? clip(action.path.slice(1)) : undefined;
  }
  if (!httpMethod.test(action.method)) return undefined;
  // What a request holds need not be what a rule can name.
  const segments = pathTemplate(action.path).slice(1).split('/');
  const path = `/${segments.map((one) => (parsePathPattern(`/${one}`).ok ? one : '*')).join('/')}`;
  return parsePathPattern(path).ok ? `${action.method} ${clip(path)}` : undefined;
}

/** A JSON string is a YAML double-quoted scalar. */
function scalar(text: string): string {
  return plainScalar.test(text) ? text : JSON.stringify(text);
}
