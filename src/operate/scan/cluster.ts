import type { Admin } from 'kafkajs'
import type { ScanReport } from './report.js'

/** Offsets of one cluster mean nothing in another one, though topics have the same names. */
export async function clusterIdOf(admin: Admin): Promise<string | undefined> {
  // A broker need not have one, whatever the type says.
  const { clusterId } = (await admin.describeCluster()) as { readonly clusterId?: string | null }
  return clusterId ?? undefined
}

/** @throws Error if a report is of another cluster than this one */
export function refuseOtherCluster(report: ScanReport, clusterId: string | undefined): void {
  if (report.clusterId === undefined || clusterId === undefined || report.clusterId === clusterId) return
  throw new Error(
    `the report is of cluster ${report.clusterId}, but these brokers are of cluster ${clusterId}`,
  )
}
