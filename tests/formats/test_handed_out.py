"""What a guest hands out is parted into sections, whatever it holds."""

from qemu_boot_time.formats.handed_out import Section, sections


def test_sections_in_their_order() -> None:
    """A name may come more than once; each keeps its lines."""
    data = b"@clock\n1\n2\n@kmsg\n6,0,0,-;hello\n@clock\n3\n@end\n"

    assert (
        Section("clock", ("1", "2")),
        Section("kmsg", ("6,0,0,-;hello",)),
        Section("clock", ("3",)),
        Section("end", ("",)),
    ) == sections(data)


def test_other_lines_with_the_sign_are_text() -> None:
    """Only the names that there are begin a section."""
    (section,) = sections(b"@kmsg\n@nobody\n @end\n@end \n")

    assert ("@nobody", " @end", "@end ", "") == section.lines


def test_what_comes_before_the_first_section_is_left_out() -> None:
    """It is nobody's; so is an empty file."""
    assert (Section("end", ("",)),) == sections(b"noise\x00\n@end\n")
    assert () == sections(b"noise")


def test_bytes_that_are_no_text_are_escaped() -> None:
    """A hostile guest costs nothing but its own line."""
    assert (Section("blame", ("\\xff\x1b[31m",)),) == sections(b"@blame\n\xff\x1b[31m")
