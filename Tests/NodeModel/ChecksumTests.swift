import NodeModel
import Testing

@Suite struct ChecksumTests {
    /// Values of the algorithm's authors (Noll, "FNV hash", test vectors).
    @Test(arguments: [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")])
    func knownValues(_ text: String, _ digest: String) { #expect(Checksum.hexadecimal(text.utf8) == digest) }

    @Test(arguments: [("/usr/share/x-1.0", "/usr/share/x-1.0"), ("a b", "'a b'"), ("it's", #"'it'\''s'"#), ("", "''")])
    func wordsOfAShell(_ text: String, _ word: String) { #expect(ShellWord.quoted(text) == word) }
}
