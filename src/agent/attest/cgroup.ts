import type { Selector } from '../../model/types.ts';

/** Docker, containerd, CRI-O and podman all put the 64 hex digits of the container in the last parts of the path. */
const containerId = /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:$|\/)/;

/** Selectors of `/proc/<pid>/cgroup`, version 1 or 2. */
export function cgroupSelectors(text: string): readonly Selector[] {
  const paths = new Set<string>();
  for (const line of text.split('\n')) {
    // hierarchy:controllers:path; the path may hold colons.
    const path = line.split(':').slice(2).join(':');
    if (path !== '' && path !== '/') paths.add(path);
  }
  const selectors = new Map<string, Selector>();
  const add = (kind: string, value: string | undefined): void => {
    if (value !== undefined) selectors.set(`${kind}:${value}`, { kind, value });
  };
  for (const path of paths) {
    add('cgroup:path', path);
    add('systemd:unit', unitOf(path));
    add('container:id', containerId.exec(path)?.[1]);
  }
  return [...selectors.values()];
}

/** The innermost service or scope unit, unescaped as systemd writes it. */
function unitOf(path: string): string | undefined {
  return path
    .split('/')
    .reverse()
    .find((part) => /^[A-Za-z0-9:_.\\@-]+\.service$/.test(part));
}
