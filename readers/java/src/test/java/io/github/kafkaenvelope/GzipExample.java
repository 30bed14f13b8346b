package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Example.bytes;

/**
 * The worked example with gzip; DEK, CMK and topic are those of {@link Example}.
 *
 * <p>Source: docs/format.md, section 19.
 */
final class GzipExample {
    static final byte[] SESSION_ID = bytes("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf");
    static final byte[] CONTENT_KEY = bytes("3b28db70bd329fec6aed015de9ec3269346f4ea380531cb3c95e2defc9fcb6b2");
    static final byte[] COMMITMENT = bytes("70274468a8ae4ef3d1b9a0b655b6c72d24cbb505a70b63b6cfb37221d21bc4ee");
    static final byte[] WRAPPING_IV = bytes("707172737475767778797a7b");
    static final byte[] WRAPPING_AAD = bytes("6b61666b612d656e76656c6f70652f6c6f63616c2f76310000000b6f72646572732d32303235");
    static final byte[] DATA = bytes("1f8b08000000000002034b4ca40c00005565b48940000000");
    static final byte[] HEADER = bytes("0202000000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbdbebf70274468a8ae4ef3d1b9a0b655b6c72d24cb"
            + "b505a70b63b6cfb37221d21bc4ee");
    static final byte[] AAD = bytes("c3010fea18fa6fe363e8000000400202000000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbdbebf70274468"
            + "a8ae4ef3d1b9a0b655b6c72d24cbb505a70b63b6cfb37221d21bc4ee00");
    static final byte[] IV = bytes("000000000000000000000000");
    static final byte[] TAG = bytes("6dd537d1c3b1baec1d0fee54fba5562b");
    static final byte[] BODY = bytes("8fd626e0399ce12949ad0e7abb31ef906cec8cd1e1184345");
    static final byte[] VALUE = bytes("c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001707172737475767778797a7bd3e4b9"
            + "1b9a5de20da356b156b309152ed81973820410d42dee948c9e391fcbbebcebbdb227cfd0afc30a7355eb9f3eb50080010202"
            + "000000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbdbebf70274468a8ae4ef3d1b9a0b655b6c72d24cbb505"
            + "a70b63b6cfb37221d21bc4ee0000000000000000000000006dd537d1c3b1baec1d0fee54fba5562b308fd626e0399ce12949"
            + "ad0e7abb31ef906cec8cd1e1184345");

    private GzipExample() {
    }
}
