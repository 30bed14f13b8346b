package io.github.kafkaenvelope;

import java.util.HashMap;
import java.util.Map;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.core.exception.ApiCallAttemptTimeoutException;
import software.amazon.awssdk.core.exception.ApiCallTimeoutException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.kms.model.KmsException;

/** What errors of the AWS SDK mean for a record. */
final class AwsKmsFailures {
    private static final int TOO_MANY_REQUESTS = 429;

    /** The codes of the service. One that is not listed is not taken for a refusal: it is {@code KMS_UNAVAILABLE}. */
    private static final Map<String, ErrorCode> MEANINGS = new HashMap<>();

    static {
        are(ErrorCode.UNWRAP_FAILED, "InvalidCiphertextException", "IncorrectKeyException");
        are(ErrorCode.CMK_NOT_FOUND, "NotFoundException", "InvalidArnException");
        are(ErrorCode.CMK_DISABLED, "DisabledException", "KMSInvalidStateException");
        are(ErrorCode.CMK_UNUSABLE, "InvalidKeyUsageException", "UnsupportedOperationException");
        are(ErrorCode.KMS_DENIED, "AccessDeniedException", "AccessDenied", "NotAuthorized", "UnauthorizedOperation",
                "InvalidGrantTokenException", "OptInRequired", "UnrecognizedClientException", "InvalidClientTokenId",
                "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature",
                "IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
                "ExpiredTokenException", "ExpiredToken", "RequestExpired");
        are(ErrorCode.KMS_REFUSED, "ValidationException", "ValidationError", "SerializationException",
                "UnknownOperationException", "InvalidAction", "InvalidParameterValue", "InvalidParameterCombination",
                "MissingParameter", "MissingAction", "DryRunOperationException");
        are(ErrorCode.KMS_THROTTLED, "ThrottlingException", "Throttling", "TooManyRequestsException",
                "RequestLimitExceeded", "LimitExceededException");
    }

    private AwsKmsFailures() {
    }

    private static void are(ErrorCode code, String... ofService) {
        for (String each : ofService) {
            MEANINGS.put(each, code);
        }
    }

    static ErrorCode meaning(SdkException e) {
        if (e instanceof ApiCallTimeoutException || e instanceof ApiCallAttemptTimeoutException) {
            return ErrorCode.KMS_TIMEOUT;
        }
        // The answer of another service, such as STS, is about credentials, and says nothing about the CMK.
        if (!(e instanceof KmsException answer)) {
            return ErrorCode.KMS_UNAVAILABLE;
        }
        AwsErrorDetails details = answer.awsErrorDetails();
        if (details == null || details.errorCode() == null) {
            return answer.statusCode() == TOO_MANY_REQUESTS ? ErrorCode.KMS_THROTTLED : ErrorCode.KMS_UNAVAILABLE;
        }
        return MEANINGS.getOrDefault(details.errorCode(), ErrorCode.KMS_UNAVAILABLE);
    }
}
