import { parseHostName } from '../../model/scalars.ts';
import { type HostAttestor, refused } from './attestor.ts';

export const localMethod = 'local';

/**
 * For an agent on the control plane's own machine: it comes by the operator's socket, and the kernel has said already that
 * it runs as the user of the control plane or as root. Never offered anywhere else.
 */
export const localAttestor: HostAttestor = {
  method: localMethod,
  begin: async ({ evidence }) => {
    const { host } = (evidence ?? {}) as { host?: unknown };
    if (typeof host !== 'string') return refused('a local host says its name');
    const name = parseHostName(host);
    if (!name.ok) return refused(name.error);
    return { kind: 'proven', proof: { name: name.value, anchor: 'local', selectors: [] } };
  },
};
