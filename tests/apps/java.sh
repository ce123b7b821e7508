# Java: javac and a program of pools of threads, parallel streams, processes, sockets, collected garbage, exceptions by SIGSEGV.
# Packages: default-jdk-headless
# Slow.
cat >Main.java <<'java'
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Main {
    static int counter;
    static synchronized void count() { counter++; }
    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(16);
        List<Future<Long>> sums = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            final int n = i;
            sums.add(pool.submit(() -> { for (int k = 0; k < 500; k++) count(); return LongStream.range(0, 500L * n).sum(); }));
        }
        long sum = 0;
        for (var one : sums) sum += one.get();
        pool.shutdown();
        System.out.println(sum + " " + counter);
        System.out.println(IntStream.range(0, 100000).parallel().mapToLong(i -> i).sum());
        Process process = new ProcessBuilder("sh", "-c", "echo child; exit 5").redirectErrorStream(true).start();
        System.out.println(new String(process.getInputStream().readAllBytes()) + process.waitFor());
        var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        var thread = new Thread(() -> {
            try (var s = server.accept()) { s.getInputStream().transferTo(s.getOutputStream()); } catch (Exception e) { e.printStackTrace(); }
        });
        thread.start();
        try (var s = new Socket(server.getInetAddress(), server.getLocalPort())) {
            s.getOutputStream().write("echoed".getBytes());
            s.shutdownOutput();
            System.out.println(new String(s.getInputStream().readAllBytes()));
        }
        thread.join();
        int caught = 0;
        for (int i = 0; i < 5000; i++)
            try { Object none = i % 2 == 0 ? null : ""; none.hashCode(); } catch (NullPointerException e) { caught++; }
        System.out.println(caught);
        List<byte[]> heap = new ArrayList<>();
        for (int i = 0; i < 2000; i++) { heap.add(new byte[100000]); if (i % 100 == 99) heap.clear(); }
        try { recurse(0); } catch (StackOverflowError e) { System.out.println("overflow"); }
        var queue = new ArrayBlockingQueue<Integer>(3);
        var producer = new Thread(() -> { try { for (int i = 0; i < 1000; i++) queue.put(i); } catch (InterruptedException e) {} });
        producer.start();
        int taken = 0;
        for (int i = 0; i < 1000; i++) taken += queue.take();
        System.out.println(taken);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        System.exit(7);
    }
    static int recurse(int n) { return recurse(n + 1) + 1; }
}
java
javac Main.java
java -Xmx300m Main || echo "status $?"
java -Xint -XX:+UseSerialGC Main | head -n 2
java -version 2>&1 | grep -c VM
rm -f ./*.class
