"""What a folder is for, as far as it matters to syncing: what lies in a trash or among junk may go without asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRASH, JUNK = "trash", "junk"

_ATTRIBUTES = {"\\trash": TRASH, "\\junk": JUNK}

_NAMES = {
    TRASH: (
        "trash;trash can;deleted;deleted items;deleted messages;deleted mail;"
        "papierkorb;gelöscht;gelöschte elemente;gelöschte objekte;gelöschte nachrichten;"
        "corbeille;éléments supprimés;messages supprimés;"
        "papelera;elementos eliminados;mensajes eliminados;"
        "cestino;posta eliminata;elementi eliminati;messaggi eliminati;"
        "lixo;lixeira;itens excluídos;itens eliminados;mensagens excluídas;"
        "prullenbak;prullenmand;verwijderde items;verwijderde berichten;"
        "papperskorg;papperskorgen;borttaget;borttagna objekt;papirkurv;slettet post;slettede elementer;"
        "søppelkurv;søppelbøtte;roskakori;poistetut;poistetut viestit;"
        "kosz;elementy usunięte;koš;odstraněná pošta;smazané;kôš;odstránená pošta;lomtár;kuka;törölt elemek;"
        "coș de gunoi;gunoi;çöp;çöp kutusu;silinmiş öğeler;κάδος;κάδος απορριμμάτων;διαγραμμένα στοιχεία;"
        "корзина;удаленные;удалённые;удаленные сообщения;кошик;видалені;"
        "ゴミ箱;ごみ箱;削除済みアイテム;已删除;已删除邮件;废纸篓;垃圾桶;刪除的郵件;휴지통;지운 편지함;지운편지함"
    ),
    JUNK: (
        "junk;junk mail;junk email;junk e-mail;spam;spam mail;bulk;bulk mail;"
        "spamverdacht;werbung;pourriel;pourriels;courrier indésirable;indésirables;"
        "correo no deseado;correo basura;posta indesiderata;lixo eletrônico;lixo eletrónico;"
        "ongewenste e-mail;ongewenst;skräppost;søppelpost;uønsket e-mail;uønsket post;roskaposti;"
        "wiadomości-śmieci;nevyžádaná pošta;nevyžiadaná pošta;levélszemét;önemsiz;önemsiz e-posta;gereksiz;"
        "ανεπιθύμητα;ανεπιθύμητη αλληλογραφία;спам;нежелательная почта;небажана пошта;"
        "迷惑メール;垃圾邮件;垃圾郵件;스팸메일함;스팸 메일함;스팸함;정크 메일"
    ),
}
"""What mail programs and providers call these folders where they do not mark them."""

_BY_NAME = {name: role for role, names in _NAMES.items() for name in names.split(";")}
_GMAIL = frozenset({"[gmail]", "[google mail]"})
_ONLY_OF_GMAIL = {"bin": TRASH}


def marked(attributes: Iterable[str]) -> frozenset[str]:
    r"""The roles that attributes in lower case give a folder, such as `\trash` (RFC 6154 section 2)."""
    return frozenset(_ATTRIBUTES[each] for each in attributes if each in _ATTRIBUTES)


def role_of(parts: Sequence[str], attributes: Iterable[str], elsewhere: frozenset[str] = frozenset()) -> str:
    """`TRASH`, `JUNK`, or "" for all other folders; `parts` are those of its name in Unicode.

    Roles that the server marks some folder with (`elsewhere`) are not guessed by name. An INBOX never has one, and
    neither has a folder within another one: what it is for is not told by the last part of its name.
    """
    if [part.upper() for part in parts] == ["INBOX"]:
        return ""
    if given := marked(attributes):
        return min(given)
    above, last = [part.lower() for part in parts[:-1]], parts[-1].lower()
    if above not in ([], ["inbox"]) and not (len(above) == 1 and above[0] in _GMAIL):
        return ""
    role = _BY_NAME.get(last) or (_ONLY_OF_GMAIL.get(last, "") if above and above[0] in _GMAIL else "")
    return "" if role in elsewhere else role
