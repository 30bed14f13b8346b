import { tencentKms, type TencentKmsOptions } from '../../../../src/kms/tencent/index.js'
import type { Kms } from '../../../../src/kms/kms.js'

export const readingKms = (options: TencentKmsOptions): Kms => tencentKms(options)
