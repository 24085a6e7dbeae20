# Run to record Perl: words of generated text, counted, indexed and sorted.
use strict;
use warnings;

my $state = 42;

sub below {
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return int($state / 65536) % $_[0];
}

my @syllables = qw(ba ce di fo gu ha je ki lo mu na pe ri so tu);
my (%count, %lines);
for my $line (1 .. 280) {
    my $text = join ' ', map {
        join '', map { $syllables[ below(15) ] } 1 .. 1 + below(3)
    } 1 .. 8;
    for my $word (split / /, $text) {
        $count{$word}++;
        push @{ $lines{$word} }, $line;
    }
}
my @order = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
for my $word (@order) {
    my $where = join ',', @{ $lines{$word} };
    $where =~ s/^(.{40}).*/$1.../;
    printf "%-8s %4d  %s\n", $word, $count{$word}, $where;
}
