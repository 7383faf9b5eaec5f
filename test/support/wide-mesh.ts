import { calleesSentMax } from '../../src/compile/on-demand.ts';

export const caller = 'web';

export function idleName(index: number): string {
  return `idle-${index}`;
}

/** Files of a mesh in which `web` may call `api` and, with it, so many services. */
export function wideMesh(callees: number): Record<string, string> {
  const names = ['api', ...Array.from({ length: callees - 1 }, (_, index) => idleName(index))];
  const files: Record<string, string> = {
    'mesh.yaml': 'mesh: wide\ntrust_domain: wide.test\n',
    'services/web.yaml': 'service: web\nowner: t\nprotocol: http\nport: 15971\nhealth: GET /\n',
    'services/closed.yaml': 'service: closed\nowner: t\nprotocol: http\nport: 15973\n',
  };
  for (const [index, name] of names.entries()) {
    files[`services/${name}.yaml`] = [
      `service: ${name}\nowner: t\nprotocol: http\nport: ${16_000 + index}`,
      'allow:\n  - { from: web, to: "* /**" }',
      'routes:\n  - { to: v1, timeout: 5s }\n',
    ].join('\n');
  }
  return files;
}

export const wide = calleesSentMax + 1;
