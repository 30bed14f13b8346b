import { Refusal } from './refusal.js'

/** Where a key is created by default. */
export const DEFAULT_REGION = 'ap-guangzhou'

/** The vendor's regions with a KMS, as of 2025. One emulator serves them all; a key is in one of them. */
export const REGIONS: readonly string[] = [
  'ap-bangkok',
  'ap-beijing',
  'ap-chengdu',
  'ap-chongqing',
  'ap-guangzhou',
  'ap-hongkong',
  'ap-jakarta',
  'ap-mumbai',
  'ap-nanjing',
  'ap-seoul',
  'ap-shanghai',
  'ap-singapore',
  'ap-tokyo',
  'eu-frankfurt',
  'na-ashburn',
  'na-siliconvalley',
  'na-toronto',
  'sa-saopaulo',
]

/** @throws Refusal UnsupportedRegion */
export function requireRegion(region: string): void {
  if (!REGIONS.includes(region)) throw new Refusal('UnsupportedRegion', `There is no region ${region}.`)
}
