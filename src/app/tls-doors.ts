import type { TlsMaterial } from '../serve/grpc/server.ts';
import { type Door, opened } from './cannot-listen.ts';
import type { ServerOptions } from './server-options.ts';

/** What is served besides proxies and hosts, on a port of its own. */
interface OtherServer {
  listen(material: TlsMaterial): Promise<unknown>;
  setTls(material: TlsMaterial): void;
  close(): void;
}

interface Servers {
  readonly grpc: {
    listenTls(address: string, port: number, material: TlsMaterial): Promise<unknown>;
    setTls(material: TlsMaterial): void;
    close(): Promise<void>;
  };
  readonly hosts: {
    listen(address: string, port: number, material: TlsMaterial): Promise<unknown>;
    setTls(material: TlsMaterial): void;
    close(): void;
  };
  readonly endpoint: OtherServer | undefined;
  readonly operators: OtherServer | undefined;
}

interface TlsDoors {
  readonly servers: readonly { setTls(material: TlsMaterial): void }[];
  /** All of them, or none: what is left open would keep a process from ending that nobody can use. */
  open(material: TlsMaterial): Promise<void>;
  /** All but the one for proxies, whose streams end last. */
  close(): void;
}

type Listening = Pick<
  ServerOptions,
  'listen' | 'port' | 'agentPort' | 'bundleEndpoint' | 'operatorApi'
>;

export function tlsDoors(options: Listening, servers: Servers): TlsDoors {
  const { listen: address, port, agentPort, bundleEndpoint, operatorApi } = options;
  const { grpc, hosts } = servers;
  const others = [
    { flag: '--federation-port', port: bundleEndpoint?.port ?? 0, server: servers.endpoint },
    { flag: '--api-port', port: operatorApi?.port ?? 0, server: servers.operators },
  ].flatMap(({ server, ...door }) => (server === undefined ? [] : [{ ...door, server }]));
  const close = (): void => {
    for (const { server } of others) server.close();
    hosts.close();
  };
  const open = async (material: TlsMaterial): Promise<void> => {
    const door = (flag: string, at: number): Door => ({ flag, address, port: at });
    await opened(door('--port', port), () => grpc.listenTls(address, port, material));
    await opened(door('--agent-port', agentPort), () => hosts.listen(address, agentPort, material));
    for (const one of others) {
      await opened(door(one.flag, one.port), () => one.server.listen(material));
    }
  };
  return {
    servers: [grpc, hosts, ...others.map(({ server }) => server)],
    open: async (material) => {
      try {
        await open(material);
      } catch (error) {
        close();
        await grpc.close();
        throw error;
      }
    },
    close,
  };
}
