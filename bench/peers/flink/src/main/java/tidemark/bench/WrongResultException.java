package tidemark.bench;

/** A workload read something else than it wrote: its times are worth nothing. */
final class WrongResultException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    WrongResultException(String message) {
        super(message);
    }

    static void check(boolean isRight, String message) {
        if (!isRight) {
            throw new WrongResultException(message);
        }
    }
}
