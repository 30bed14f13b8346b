package io.github.kafkaenvelope;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.kms.model.DecryptRequest;
import software.amazon.awssdk.services.kms.model.DecryptResponse;
import software.amazon.awssdk.services.kms.model.EncryptionAlgorithmSpec;

/**
 * The providers {@code aws-kms} and {@code aws-kms/rsa-oaep-sha256}, over clients of the AWS SDK for Java 2.
 *
 * <p>The clients belong to the application, with their credentials, time-outs and retries. The replicas
 * of a multi-region key unwrap for each other: only the region of the replica in the rule is asked.
 *
 * <p>Source: docs/format.md, section 10.
 */
public final class AwsKmsUnwrapper implements Unwrapper {
    private static final Pattern ARN = Pattern.compile("(arn:aws(?:-[a-z]{1,16}){0,3}:kms:)"
            + "([a-z]{2,8}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2})(:[0-9]{12}:key/([A-Za-z0-9-]{1,128}))");
    private static final Set<Integer> MODULUS_BYTES = Set.of(256, 384, 512);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Map<String, KmsClient> clients;
    private final boolean rsa;

    private AwsKmsUnwrapper(Map<String, KmsClient> clients, boolean rsa) {
        this.clients = Map.copyOf(clients);
        this.rsa = rsa;
    }

    /**
     * For the provider {@code aws-kms}.
     *
     * @param clientByRegion such as {@code Map.of("eu-west-1", KmsClient.builder().region(Region.EU_WEST_1).build())};
     *     CMKs of other regions are not found
     */
    public static AwsKmsUnwrapper symmetric(Map<String, KmsClient> clientByRegion) {
        return new AwsKmsUnwrapper(clientByRegion, false);
    }

    /** For the provider {@code aws-kms/rsa-oaep-sha256}. The clients are as in {@link #symmetric}. */
    public static AwsKmsUnwrapper rsa(Map<String, KmsClient> clientByRegion) {
        return new AwsKmsUnwrapper(clientByRegion, true);
    }

    @Override
    public boolean asymmetric() {
        return rsa;
    }

    @Override
    public boolean unwrapsFor(String cmkId, String otherCmkId) {
        Matcher arn = ARN.matcher(cmkId);
        Matcher other = ARN.matcher(otherCmkId);
        return arn.matches() && other.matches() && arn.group(4).startsWith("mrk-")
                && arn.group(1).equals(other.group(1)) && arn.group(3).equals(other.group(3));
    }

    /** @throws EnvelopeException as the interface says */
    @Override
    public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
        Matcher arn = ARN.matcher(cmkId);
        if (!arn.matches()) {
            throw ErrorCode.CMK_NOT_FOUND.error("the CMK is not named by the ARN of a key of AWS KMS");
        }
        KmsClient client = clients.get(arn.group(2));
        if (client == null) {
            throw ErrorCode.CMK_NOT_FOUND.error("there is no client for the region of the CMK");
        }
        if (rsa && !MODULUS_BYTES.contains(ciphertextDek.length)) {
            throw Unwrapper.unwrapFailed();
        }
        DecryptResponse response = decrypt(client, request(cmkId, ciphertextDek, canonicalContext));
        requireNamed(cmkId, response.keyId());
        byte[] plaintext = response.plaintext() == null ? new byte[0] : response.plaintext().asByteArray();
        if (plaintext.length == 0) {
            throw ErrorCode.KMS_UNAVAILABLE.error("AWS KMS answered without a plaintext");
        }
        return plaintext;
    }

    /** Only a ciphertext DEK can have selected another CMK, and it cannot select a replica of the one that was asked. */
    private void requireNamed(String cmkId, String used) {
        if (!cmkId.equals(used)) {
            boolean blames = used != null && ARN.matcher(used).matches() && !unwrapsFor(cmkId, used);
            throw (blames ? ErrorCode.UNWRAP_FAILED : ErrorCode.KMS_UNAVAILABLE).error("AWS KMS named another CMK");
        }
    }

    private DecryptRequest request(String cmkId, byte[] ciphertextDek, String canonicalContext) {
        DecryptRequest.Builder request =
                DecryptRequest.builder().keyId(cmkId).ciphertextBlob(SdkBytes.fromByteArray(ciphertextDek));
        if (rsa) {
            request.encryptionAlgorithm(EncryptionAlgorithmSpec.RSAES_OAEP_SHA_256);
        } else if (!canonicalContext.isEmpty()) {
            request.encryptionContext(entries(canonicalContext));
        }
        return request.build();
    }

    private static Map<String, String> entries(String canonicalContext) {
        try {
            return JSON.readValue(canonicalContext, new TypeReference<>() { });
        } catch (JsonProcessingException e) {
            // Without its cause, whose text quotes the context.
            throw new IllegalArgumentException("the context is not an object of strings");
        }
    }

    private static DecryptResponse decrypt(KmsClient client, DecryptRequest request) {
        try {
            return client.decrypt(request);
        } catch (SdkException e) {
            // Its text may quote identities, so neither it nor the exception is passed on.
            throw AwsKmsFailures.meaning(e).error("AWS KMS did not unwrap the ciphertext DEK");
        }
    }
}
