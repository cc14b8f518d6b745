"""Words that stand in any text and any question, and so tell nothing about either."""

_CHINESE = """
的 了 和 是 在 有 与 及 或 也 都 就 而 被 把 将 对 从 到 以 于 为 之 其 该 此 这 那 个 们 我 你 他 她 它
我们 你们 他们 自己 这个 那个 这是 那是 这些 那些 这样 那样 并 并且 但 但是 如果 因为 所以 由于 而且 或者
以及 则 即 若 虽然 然后 还 又 再 很 更 最 太 吗 呢 吧 啊 呀 嘛 么 什么 怎么 怎样 如何 为什么 哪 哪些 哪个
哪里 哪儿 谁 几 多少 多大 是否 能否 可否 请问 请 可以 能 会 要 想 需要 应该 应当 得 着 过 地 上 下 中 里 内
等 各 每 某 让 给 向 由 按 按照 根据 关于 对于 没 没有 不 已 已经 时 时候 之间 之后 之前 一个 一下 一些 有关
进行
"""
_ENGLISH = """
a an the and or but if of in on at to from by for with about as into over than then is are was were be been
being am do does did has have had having can could will would shall should may might must not no nor so such
this that these those there here it its he she they them their his her we us our you your i me my what which
who whom whose when where why how many much any some all each every other more most own same very just also
"""

STOPWORDS = frozenset(_CHINESE.split()) | frozenset(_ENGLISH.split())
