package tidemark.bench;

/** What came out of a job: how many results, and a checksum of all of them in their order. The other side makes the same one. */
final class ResultDigest {
    private long count;
    private int sum;

    /** Takes a result: two whole numbers that tell it apart. */
    void add(int first, int second) {
        count++;
        sum = sum * 961 + first * 31 + second;
    }

    long count() {
        return count;
    }

    int sum() {
        return sum;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ResultDigest digest && digest.count == count && digest.sum == sum;
    }

    @Override
    public int hashCode() {
        return sum;
    }

    @Override
    public String toString() {
        return count + " results with the digest " + sum;
    }
}
