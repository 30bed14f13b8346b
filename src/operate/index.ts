/** `kafka-envelope/operate`: what the commands for operators do, for programs. */
export { scan } from './scan/scan.js'
export type { ScanOptions } from './scan/scan-options.js'
export type {
  LastRecord,
  OpenTransaction,
  PartitionReport,
  ScanReport,
  SharedBy,
  TopicReport,
} from './scan/report.js'
export { mergeReports } from './scan/merge.js'
export { readReport, writeReport } from './scan/report-file.js'
export { whoNeedsCmk, type CmkNeed, type CmkNeedOptions, type PartitionNeed } from './scan/cmk-need.js'
export type { Distinct } from './scan/distinct.js'
export type { Dimension, Occurrences, Tally } from './scan/tally.js'
export type { OffsetRange, Place, Start } from './topics/ranges.js'
export { readRecords, type ReadRecordsOptions, type StoredRecord } from './cat/read-records.js'
export { readOpened, type ReadOpened, type ReadOpenedOptions, type WaitingToOpen } from './cat/read-opened.js'
export type { FailedCheck } from './cat/failed-check.js'
export { inspectRecord, type Inspection, type InspectOptions } from './inspect/inspect-record.js'
export type { InspectedRecord } from './inspect/inspected-record.js'
export { rewrap, type RewrapOptions, type RewrapReport } from './rewrap/rewrap.js'
export { RewrapStopped } from './rewrap/rewrap-stopped.js'
export type { CopiedOthers, RewrapCounts } from './rewrap/rewrap-counts.js'
export type { NotRewrappedCode } from './rewrap/not-rewrapped.js'
export type { WaitingForKms } from './patience.js'
export type { WrappingChanges } from './rewrap/wrapping-changes.js'
export { fetchRecord, type FetchOptions, type RecordPlace } from './inspect/fetch-record.js'
export type {
  EnvelopeDescription,
  HeaderDescription,
  ValueDescription,
  WrappingDescription,
} from './inspect/describe-value.js'
export type { RecordDescription, RecordHeaderDescription } from './inspect/describe-record.js'
export type { CheckResult, Trial, TrialFailure } from './inspect/try-record.js'
export type { Check } from '../record/order-of-checks.js'
export {
  cutoverStatus,
  topicEnds,
  type CutoverOptions,
  type CutoverReport,
  type TopicCutover,
  type TopicEnds,
} from './cutover/cutover.js'
export { arriving } from './cutover/occurrences.js'
export type { Accepted, Phase } from './cutover/phases.js'
export { ALL_PLAINTEXT, endingAt, type UntilOffsets } from './cutover/until-offsets.js'
export type { GroupCutover } from './cutover/groups.js'
export type { PartitionCutover } from './cutover/partition-counts.js'
export type { PlaintextWriter, WriterTraits } from './cutover/plaintext-writers.js'
export { examine, type Examination, type ExamineOptions } from './doctor/examine.js'
export type { Area, Finding, FindingId, Remark, Severity } from './doctor/finding.js'
export { CANARY_HEADER, type CanaryReport, type CanaryStep } from './doctor/canary.js'
export { reseal, type ResealOptions, type ResealReport } from './reseal/reseal.js'
export type { CopiedPartition, CopyProgress, CopyReport } from './copy/types.js'
