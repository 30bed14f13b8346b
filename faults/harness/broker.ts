import { checkAnswers } from '../../scripts/broker/broker.js'
import { prepareJvm, serverProperties, type JvmProcess } from '../../scripts/broker/jvm.js'
import { freePorts } from '../../scripts/broker/ports.js'
import { ToxicProxy } from './toxic-proxy.js'

/** KafkaJS's retries until a broker that starts must answer: about a minute. */
const STARTING_RETRIES = 200

/**
 * A broker of our own that can be killed and started again. Clients reach it through a proxy only: the proxy's address
 * is the one that it advertises to them.
 */
export interface BreakableBroker {
  /** Bootstrap addresses through the proxy, for the clients under test. */
  readonly brokers: readonly string[]
  /** Bootstrap addresses past the proxy, for those who prepare and check. */
  readonly direct: readonly string[]
  readonly proxy: ToxicProxy
  /** Where it keeps the records. */
  readonly dataFolder: string
  /** Ends it with SIGKILL. */
  kill(): Promise<void>
  /** Starts it again, on the same data and ports; resolves when it answers. */
  restart(): Promise<void>
  /** Ends it, and removes its data. */
  stop(): Promise<void>
}

/** Starts one on this machine's Java. @throws Unavailable if this machine cannot run Kafka */
export async function startBreakable(): Promise<BreakableBroker> {
  const [port = 0, directPort = 0, controllerPort = 0, proxyPort = 0] = await freePorts(4)
  const direct = [address(directPort)]
  const folder = await prepareJvm((data) =>
    serverProperties(port, controllerPort, data, twoDoors({ port, directPort, controllerPort, proxyPort })),
  )
  const proxy = await ToxicProxy.listen(proxyPort, port)
  let broker = folder.start()
  const stop = async (): Promise<void> => {
    await folder.keep(false)
    await Promise.all([broker.kill(), proxy.close()])
  }
  try {
    await answers(broker, direct)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    brokers: [address(proxyPort)],
    direct,
    proxy,
    dataFolder: folder.data,
    async kill(): Promise<void> {
      await folder.keep(true)
      await broker.kill()
    },
    async restart(): Promise<void> {
      broker = folder.start()
      // From here its own end removes the folder again, so that nothing remains of a suite that was killed.
      await folder.keep(false)
      await answers(broker, direct)
    },
    stop,
  }
}

async function answers(broker: JvmProcess, direct: readonly string[]): Promise<void> {
  const ended = broker.ended.then((text) => Promise.reject(new Error(text)))
  await Promise.race([checkAnswers(direct, STARTING_RETRIES), ended])
}

const address = (port: number): string => `127.0.0.1:${String(port)}`

/** A listener behind the proxy for clients, and one past it for the broker itself and for checks. */
function twoDoors(ports: {
  readonly port: number
  readonly directPort: number
  readonly controllerPort: number
  readonly proxyPort: number
}): Record<string, string> {
  const { port, directPort, controllerPort, proxyPort } = ports
  const listeners = { PLAINTEXT: port, DIRECT: directPort, CONTROLLER: controllerPort }
  const advertised = { PLAINTEXT: proxyPort, DIRECT: directPort }
  const list = (of: Record<string, number>): string =>
    Object.entries(of)
      .map(([name, at]) => `${name}://${address(at)}`)
      .join(',')
  return {
    listeners: list(listeners),
    'advertised.listeners': list(advertised),
    'listener.security.protocol.map': Object.keys(listeners)
      .map((name) => `${name}:PLAINTEXT`)
      .join(','),
    'inter.broker.listener.name': 'DIRECT',
    // A broker that was killed may come back once its session is over.
    'broker.session.timeout.ms': '1500',
    'broker.heartbeat.interval.ms': '300',
  }
}
